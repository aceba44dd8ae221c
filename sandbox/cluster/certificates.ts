import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { errorCode, KernscaleError } from '../../common/errors.js';

const run = promisify(execFile);
const DAYS = 30;
const NEW_KEY = '-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes';
const EXTENSIONS = [
  'basicConstraints=CA:FALSE',
  'extendedKeyUsage=serverAuth',
  'subjectAltName=IP:127.0.0.1,DNS:localhost,DNS:kubernetes.default.svc',
];

export interface Certificates {
  caPath: string;
  /** PEM texts of the server. */
  key: string;
  certificate: string;
}

/**
 * Makes a certificate authority and a server certificate for loopback in `directory`, by the `openssl` command
 * (Debian package `openssl`): Node.js can read certificates but not make them.
 *
 * @throws KernscaleError `OPENSSL_MISSING`, `OPENSSL_FAILED`
 */
export async function makeCertificates(directory: string): Promise<Certificates> {
  const file = (name: string): string => path.join(directory, name);
  const caPath = file('ca.crt');
  await writeFile(file('extensions'), EXTENSIONS.join('\n'));
  await openssl(`req -x509 ${NEW_KEY} -subj /CN=kernscale-ca -days ${DAYS}`, [
    '-keyout',
    file('ca.key'),
    '-out',
    caPath,
  ]);
  await openssl(`req ${NEW_KEY} -subj /CN=kernscale`, [
    '-keyout',
    file('server.key'),
    '-out',
    file('server.csr'),
  ]);
  await openssl(`x509 -req -CAcreateserial -days ${DAYS}`, [
    ...['-in', file('server.csr'), '-CA', caPath, '-CAkey', file('ca.key')],
    ...['-extfile', file('extensions'), '-out', file('server.crt')],
  ]);
  return {
    caPath,
    key: await readFile(file('server.key'), 'utf8'),
    certificate: await readFile(file('server.crt'), 'utf8'),
  };
}

async function openssl(command: string, files: readonly string[]): Promise<void> {
  try {
    await run('openssl', [...command.split(' '), ...files]);
  } catch (cause) {
    if (errorCode(cause) === 'ENOENT') {
      throw new KernscaleError(
        'OPENSSL_MISSING',
        'the openssl command is missing; install the package openssl',
      );
    }
    throw new KernscaleError('OPENSSL_FAILED', 'openssl could not make the certificates of the cluster', {
      cause,
    });
  }
}
