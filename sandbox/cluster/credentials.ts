import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { randomBytes } from 'node:crypto';
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { stringify } from 'yaml';
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
  /** PEM text of the server's key; so is `certificate`. */
  key: string;
  certificate: string;
}

/**
 * Creates a certificate authority and a server certificate for loopback in `directory`, with the `openssl` command:
 * Node.js can read certificates but not create them.
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
    throw new KernscaleError('OPENSSL_FAILED', 'openssl cannot create the certificates of the cluster', {
      cause,
    });
  }
}

/** Token and kubeconfig files for clients, in one directory that only root can read. */
export class Credentials {
  readonly tokenPath: string;
  readonly kubeconfigPath: string;
  #token = newToken();

  constructor(
    directory: string,
    readonly caPath: string,
  ) {
    this.tokenPath = path.join(directory, 'token');
    this.kubeconfigPath = path.join(directory, 'kubeconfig');
  }

  get token(): string {
    return this.#token;
  }

  rotate(url: string): string {
    this.#token = newToken();
    this.write(url);
    return this.#token;
  }

  /**
   * Writes both files. The kubeconfig has the token inline and by file: kubectl prefers the file, which follows
   * rotations; `@kubernetes/client-node` reads only the inline one.
   */
  write(url: string): void {
    const name = 'kernscale';
    const authority = readFileSync(this.caPath).toString('base64');
    const user = { token: this.#token, tokenFile: this.tokenPath };
    const config = {
      apiVersion: 'v1',
      kind: 'Config',
      'current-context': name,
      clusters: [{ name, cluster: { server: url, 'certificate-authority-data': authority } }],
      users: [{ name, user }],
      contexts: [{ name, context: { cluster: name, user: name, namespace: 'default' } }],
    };
    replaceFile(this.tokenPath, this.#token);
    replaceFile(this.kubeconfigPath, stringify(config));
  }
}

function newToken(): string {
  return randomBytes(24).toString('base64url');
}

/** Renames into place, so that no reader gets half a file. */
function replaceFile(file: string, text: string): void {
  writeFileSync(`${file}.new`, text, { mode: 0o600 });
  renameSync(`${file}.new`, file);
}
