import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { z } from 'zod';
import { KernscaleError } from '../../common/errors.js';
import { VERSIONS as TLS_VERSIONS } from '../../common/web-config-schema.js';
import { parseSingleDocument } from '../../common/yaml/document.js';
import { schemaFindings } from '../rules/findings.js';

const text = z.string().min(1);

const tlsConfig = z.strictObject({
  ca_file: text.exactOptional(),
  cert_file: text.exactOptional(),
  key_file: text.exactOptional(),
  server_name: text.exactOptional(),
  insecure_skip_verify: z.boolean().exactOptional(),
  min_version: z.enum(Object.keys(TLS_VERSIONS) as (keyof typeof TLS_VERSIONS)[]).exactOptional(),
});

const headerValues = z.strictObject({
  values: z.array(text).exactOptional(),
  files: z.array(text).exactOptional(),
});

/** Subset of Prometheus' `http_config`. Paths are relative to the file. */
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

/** @throws KernscaleError `HTTP_CONFIG` with the position of the first error */
export function loadHttpConfig(file: string): HttpConfig {
  const { document, errors } = parseSingleDocument(file, read(file));
  if (!document) return {};
  const value = document.empty ? {} : document.value;
  const [finding] = schemaFindings(httpConfigSchema, value);
  const [error = finding && { ...document.locatePointer(finding), message: finding.message }] = errors;
  if (error) throw invalid(`${file}:${error.line}:${error.column}: ${error.message}`);
  const config = httpConfigSchema.parse(value);
  const conflict = conflictIn(config);
  if (conflict) throw invalid(`${file}: ${conflict}`);
  return withAbsolutePaths(config, dirname(file));
}

function conflictIn({ basic_auth: basic, authorization, tls_config: tls }: HttpConfig): string | undefined {
  if (basic && authorization) return 'basic_auth and authorization are mutually exclusive; keep one of them';
  if (basic && (basic.password === undefined) === (basic.password_file === undefined)) {
    return 'basic_auth needs either password or password_file';
  }
  const { credentials, credentials_file: file } = authorization ?? {};
  if (authorization && (credentials === undefined) === (file === undefined)) {
    return 'authorization needs either credentials or credentials_file';
  }
  if ((tls?.cert_file === undefined) !== (tls?.key_file === undefined)) {
    return 'tls_config needs both cert_file and key_file';
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

function invalid(message: string): KernscaleError {
  return new KernscaleError('HTTP_CONFIG', message);
}
