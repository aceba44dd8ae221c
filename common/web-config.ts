import { readFileSync } from 'node:fs';
import path from 'node:path';
import { createSecureContext, type SecureContextOptions, type SecureVersion } from 'node:tls';
import { isMap, isScalar, LineCounter, parseDocument, type Document, type Node } from 'yaml';
import { z } from 'zod';
import { errorMessage, KernscaleError } from './errors.js';

/** Go's names (crypto/tls, `ClientAuthType`), which the format has inherited. */
const CLIENT_AUTH_TYPES = [
  'NoClientCert',
  'RequestClientCert',
  'RequireAnyClientCert',
  'VerifyClientCertIfGiven',
  'RequireAndVerifyClientCert',
] as const;
export type ClientAuthType = (typeof CLIENT_AUTH_TYPES)[number];

const VERSIONS = { TLS10: 'TLSv1', TLS11: 'TLSv1.1', TLS12: 'TLSv1.2', TLS13: 'TLSv1.3' } as const;
const version = z.enum(['TLS10', 'TLS11', 'TLS12', 'TLS13']);
const HEADERS = [
  'Content-Security-Policy',
  'X-Frame-Options',
  'X-Content-Type-Options',
  'X-XSS-Protection',
  'Strict-Transport-Security',
] as const;
const BCRYPT = /^\$2[aby]\$(0[4-9]|[12]\d|3[01])\$[./A-Za-z0-9]{53}$/;

const schema = z.strictObject({
  tls_server_config: z
    .strictObject({
      cert_file: z.string().min(1),
      key_file: z.string().min(1),
      client_auth_type: z.enum(CLIENT_AUTH_TYPES).default('NoClientCert'),
      client_ca_file: z.string().min(1).optional(),
      min_version: version.default('TLS12'),
      max_version: version.default('TLS13'),
    })
    .optional(),
  http_server_config: z
    .strictObject({ headers: z.partialRecord(z.enum(HEADERS), z.string()).default({}) })
    .optional(),
  basic_auth_users: z
    .record(
      z.string().min(1),
      z.string().regex(BCRYPT, 'not a bcrypt hash; make one with htpasswd -nBC 10 ""'),
    )
    .optional(),
});
type TlsServerConfig = NonNullable<z.infer<typeof schema>['tls_server_config']>;

export interface WebConfig {
  /** Undefined: plain HTTP. */
  readonly tls: { readonly context: SecureContextOptions; readonly clientAuth: ClientAuthType } | undefined;
  /** bcrypt hashes by user name; empty: everybody may come. */
  readonly users: ReadonlyMap<string, string>;
  /** Headers of every answer. */
  readonly headers: Readonly<Record<string, string>>;
}

/** Whether every client has to tell who it is: by a password, or by a certificate that is verified. */
export function authenticates({ tls, users }: WebConfig): boolean {
  return users.size > 0 || tls?.clientAuth === 'RequireAndVerifyClientCert';
}

export interface LoadedWebConfig {
  readonly config: WebConfig;
  /** Every file that was read. */
  readonly files: readonly string[];
}

/**
 * Reads a web configuration file in the format of Prometheus' exporter-toolkit (docs/web-configuration.md there):
 * `tls_server_config`, `http_server_config.headers` and `basic_auth_users`. Paths are relative to the file.
 *
 * @throws KernscaleError `WEB_CONFIG_INVALID` with one `file:line:column: what is wrong` a line
 */
export function loadWebConfig(file: string): LoadedWebConfig {
  const source = new Source(file);
  const parsed = schema.safeParse(source.value ?? {});
  if (!parsed.success) throw source.invalid(parsed.error.issues.flatMap(describe));
  const { tls_server_config: tls, http_server_config: http, basic_auth_users: users = {} } = parsed.data;
  const config: WebConfig = {
    tls: tls && { context: secureContext(tls, source), clientAuth: tls.client_auth_type },
    users: new Map(Object.entries(users)),
    headers: http?.headers ?? {},
  };
  return { config, files: source.files };
}

function secureContext(tls: TlsServerConfig, source: Source): SecureContextOptions {
  const at = (field: string) => ['tls_server_config', field];
  const verifies = tls.client_auth_type.includes('Verify');
  if (verifies !== (tls.client_ca_file !== undefined)) {
    const message = verifies
      ? `client_auth_type ${tls.client_auth_type} needs a client_ca_file`
      : `client_ca_file has no effect with client_auth_type ${tls.client_auth_type}`;
    throw source.invalid([{ path: at(verifies ? 'client_auth_type' : 'client_ca_file'), message }]);
  }
  const ca = tls.client_ca_file && source.read(tls.client_ca_file, at('client_ca_file'));
  const context: SecureContextOptions = {
    cert: source.read(tls.cert_file, at('cert_file')),
    key: source.read(tls.key_file, at('key_file')),
    ...(ca !== undefined && { ca }),
    minVersion: VERSIONS[tls.min_version] satisfies SecureVersion,
    maxVersion: VERSIONS[tls.max_version] satisfies SecureVersion,
  };
  try {
    createSecureContext(context);
  } catch (error) {
    const message = `the certificate, its key or the versions cannot be used: ${errorMessage(error)}`;
    throw source.invalid([{ path: ['tls_server_config'], message }]);
  }
  return context;
}

interface Fault {
  readonly path: readonly PropertyKey[];
  readonly message: string;
}

function describe(issue: z.core.$ZodIssue): Fault[] {
  const { path: at } = issue;
  const name = at.join('.') || 'the file';
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => ({ path: [...at, key], message: `unknown field "${key}" in ${name}` }));
  }
  return [{ path: at, message: `${name}: ${issue.message}` }];
}

/** The file, the files it names, and where each part of it stands. */
class Source {
  readonly files: string[];
  readonly value: unknown;
  readonly #lines = new LineCounter();
  readonly #document: Document;

  constructor(private readonly file: string) {
    this.files = [file];
    let text: string;
    try {
      text = readFileSync(file, 'utf8');
    } catch (cause) {
      throw new KernscaleError('WEB_CONFIG_INVALID', `cannot read the web configuration ${file}`, { cause });
    }
    this.#document = parseDocument(text, { lineCounter: this.#lines, prettyErrors: false });
    const { errors } = this.#document;
    if (errors.length > 0) throw this.#failure(errors.map(({ pos, message }) => [pos[0], message]));
    this.value = this.#document.toJS();
  }

  read(name: string, at: readonly PropertyKey[]): Buffer {
    const file = path.resolve(path.dirname(this.file), name);
    this.files.push(file);
    try {
      return readFileSync(file);
    } catch (error) {
      throw this.invalid([{ path: at, message: `cannot be read: ${errorMessage(error)}` }]);
    }
  }

  invalid(faults: readonly Fault[]): KernscaleError {
    return this.#failure(faults.map(({ path: at, message }) => [this.#offset(at), message]));
  }

  #failure(faults: readonly (readonly [offset: number, message: string])[]): KernscaleError {
    const lines = faults.map(([offset, message]) => {
      const { line, col } = this.#lines.linePos(offset);
      return `${this.file}:${Math.max(1, line)}:${Math.max(1, col)}: ${message}`;
    });
    return new KernscaleError('WEB_CONFIG_INVALID', lines.join('\n'));
  }

  /** Where the key at the end of the path stands, or the nearest part around it that exists. */
  #offset(at: readonly PropertyKey[]): number {
    let offset = 0;
    let node: unknown = this.#document.contents;
    for (const step of at) {
      const pair = isMap(node)
        ? node.items.find(({ key }) => isScalar(key) && key.value === step)
        : undefined;
      if (!pair) break;
      offset = (pair.key as Node).range?.[0] ?? offset;
      node = pair.value;
    }
    return offset;
  }
}
