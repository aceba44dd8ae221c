import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { z } from 'zod';
import { KernscaleError } from '../../common/errors.js';
import { parseDocuments } from '../rules/document.js';
import { findingsOf } from '../rules/issues.js';

/** How to reach a Prometheus, in the shape of Prometheus' own `http_config`; paths are relative to the file. */
const text = z.string().min(1);
const minVersion = z.enum(['TLS10', 'TLS11', 'TLS12', 'TLS13']);

const tlsConfig = z.strictObject({
  ca_file: text.exactOptional(),
  cert_file: text.exactOptional(),
  key_file: text.exactOptional(),
  server_name: text.exactOptional(),
  insecure_skip_verify: z.boolean().exactOptional(),
  min_version: minVersion.exactOptional(),
});

const headerValues = z.strictObject({
  values: z.array(text).exactOptional(),
  files: z.array(text).exactOptional(),
});

const httpConfigSchema = z.strictObject({
  basic_auth: z
    .strictObject({
      username: text,
      password: text.exactOptional(),
      password_file: text.exactOptional(),
    })
    .exactOptional(),
  authorization: z
    .strictObject({
      type: text.exactOptional(),
      credentials: text.exactOptional(),
      credentials_file: text.exactOptional(),
    })
    .exactOptional(),
  tls_config: tlsConfig.exactOptional(),
  http_headers: z.record(text, headerValues).exactOptional(),
});

export type HttpConfig = z.infer<typeof httpConfigSchema>;
export type TlsConfig = z.infer<typeof tlsConfig>;

/** @throws KernscaleError `HTTP_CONFIG` with the place of the first thing that is wrong */
export function loadHttpConfig(file: string): HttpConfig {
  const [document, second] = parseDocuments(file, read(file));
  if (second) throw wrong(`${file}: must be one YAML document`);
  if (!document) return {};
  const [fault] = document.faults;
  if (fault) throw wrong(`${file}:${fault.line}:${fault.column}: ${fault.message}`);
  const value = document.empty ? {} : document.value;
  const parsed = httpConfigSchema.safeParse(value);
  if (!parsed.success) {
    const [finding] = findingsOf(parsed.error.issues, value, httpConfigSchema);
    const { line, column } = finding!.atKey
      ? document.locateKey(finding!.path)
      : document.locate(finding!.path);
    throw wrong(`${file}:${line}:${column}: ${finding!.message}`);
  }
  const conflict = conflictIn(parsed.data);
  if (conflict) throw wrong(`${file}: ${conflict}`);
  return withAbsolutePaths(parsed.data, dirname(file));
}

function conflictIn({ basic_auth: basic, authorization, tls_config: tls }: HttpConfig): string | undefined {
  if (basic && authorization) return 'basic_auth and authorization exclude each other; keep one';
  if (basic && (basic.password === undefined) === (basic.password_file === undefined)) {
    return 'basic_auth needs either password or password_file';
  }
  const { credentials, credentials_file: file } = authorization ?? {};
  if (authorization && (credentials === undefined) === (file === undefined)) {
    return 'authorization needs either credentials or credentials_file';
  }
  if ((tls?.cert_file === undefined) !== (tls?.key_file === undefined)) {
    return 'tls_config needs cert_file and key_file together';
  }
  return undefined;
}

function withAbsolutePaths(config: HttpConfig, folder: string): HttpConfig {
  const absolute = <T extends object>(part: T): T =>
    Object.fromEntries(
      Object.entries(part).map(([name, value]) => [
        name,
        name.endsWith('_file') ? resolve(folder, String(value)) : (value as unknown),
      ]),
    ) as T;
  const { basic_auth, authorization, tls_config, http_headers } = config;
  return {
    ...(basic_auth && { basic_auth: absolute(basic_auth) }),
    ...(authorization && { authorization: absolute(authorization) }),
    ...(tls_config && { tls_config: absolute(tls_config) }),
    ...(http_headers && {
      http_headers: Object.fromEntries(
        Object.entries(http_headers).map(([name, { values, files }]) => [
          name,
          { ...(values && { values }), ...(files && { files: files.map((file) => resolve(folder, file)) }) },
        ]),
      ),
    }),
  };
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    throw new KernscaleError('HTTP_CONFIG', `cannot read ${file}`, { cause });
  }
}

function wrong(message: string): KernscaleError {
  return new KernscaleError('HTTP_CONFIG', message);
}
