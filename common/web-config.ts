import { readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { createSecureContext, type SecureContextOptions, type SecureVersion } from 'node:tls';
import type { z } from 'zod';
import { errorMessage, KernscaleError } from './errors.js';
import type { Logger } from './log.js';
import {
  CIPHERS,
  CURVES,
  TLS13_CIPHERS,
  VERSIONS,
  webConfigSchema,
  type ClientAuthType,
  type TlsServerConfig,
} from './web-config-schema.js';
import { parseSingleDocument, type Position, type YamlDocument } from './yaml/document.js';

export interface WebTls {
  readonly context: SecureContextOptions;
  readonly clientAuth: ClientAuthType;
  /** Names of which a client's certificate must have one; undefined: not checked. */
  readonly allowedSans: readonly string[] | undefined;
}

export interface WebConfig {
  /** Undefined: plain HTTP. */
  readonly tls: WebTls | undefined;
  /** bcrypt hashes by user name; empty: no authentication. */
  readonly users: ReadonlyMap<string, string>;
  readonly headers: Readonly<Record<string, string>>;
  /** One request per interval, with bursts; undefined: unlimited. */
  readonly rateLimit: { readonly intervalSeconds: number; readonly burst: number } | undefined;
}

interface LoadedWebConfig {
  readonly config: WebConfig;
  readonly files: readonly string[];
}

/**
 * A web configuration file in use, with the certificates that it names. The files are checked on every connection and
 * request, which also notices the swap of a Secret's volume and needs no watcher.
 */
export class WebConfigFile {
  #config: WebConfig;
  #files: readonly string[];
  #stamp: string;

  /** @throws KernscaleError `WEB_CONFIG_INVALID` */
  constructor(
    private readonly file: string,
    private readonly log: Logger,
  ) {
    ({ config: this.#config, files: this.#files } = loadWebConfig(file));
    this.#stamp = stampOf(this.#files);
  }

  /** True while every client must authenticate, by a password or by a verified certificate. */
  get authenticates(): boolean {
    const { tls, users } = this.current();
    return users.size > 0 || tls?.clientAuth === 'RequireAndVerifyClientCert';
  }

  /** Current configuration; the last valid one while the files are invalid, which is logged once. */
  current(): WebConfig {
    const stamp = stampOf(this.#files);
    if (stamp === this.#stamp) return this.#config;
    this.#stamp = stamp;
    try {
      const { config, files } = loadWebConfig(this.file);
      if (handshakeOf(config) !== handshakeOf(this.#config)) {
        this.log.error(
          'web configuration ignored: switching TLS or client certificates on or off needs a restart',
        );
        return this.#config;
      }
      this.#config = config;
      this.#files = files;
      this.#stamp = stampOf(files);
      this.log.info({ file: this.file }, 'web configuration loaded');
    } catch (error) {
      this.log.error({ error: errorMessage(error) }, 'invalid web configuration, keeping the previous one');
    }
    return this.#config;
  }
}

/** Opens the file of `--web.config.file`, if given. @throws KernscaleError `WEB_CONFIG_INVALID` */
export function openWebConfig(file: string | undefined, log: Logger): WebConfigFile | undefined {
  return file === undefined ? undefined : new WebConfigFile(file, log);
}

/** The part of the configuration that a listening server cannot change. */
function handshakeOf({ tls }: WebConfig): string {
  if (!tls) return 'plain';
  return tls.clientAuth === 'NoClientCert' ? 'tls' : 'mutual';
}

function stampOf(files: readonly string[]): string {
  return files
    .map((file) => {
      const stat = statSync(file, { bigint: true, throwIfNoEntry: false });
      return stat ? `${stat.dev}:${stat.ino}:${stat.size}:${stat.mtimeNs}` : '-';
    })
    .join(' ');
}

/**
 * Reads a web configuration file in the format of Prometheus' exporter-toolkit (docs/web-configuration.md there).
 * Paths are relative to the file.
 *
 * @throws KernscaleError `WEB_CONFIG_INVALID` with one `file:line:column: message` per line
 */
export function loadWebConfig(file: string): LoadedWebConfig {
  const source = new Source(file);
  const parsed = webConfigSchema.safeParse(source.value ?? {});
  if (!parsed.success) throw source.invalid(parsed.error.issues.flatMap(describe));
  const {
    tls_server_config: tls,
    http_server_config: http,
    basic_auth_users: users,
    rate_limit,
  } = parsed.data;
  const config: WebConfig = {
    tls: tls ? webTls(tls, source) : undefined,
    users: new Map(Object.entries(users ?? {})),
    headers: Object.fromEntries(
      Object.entries(http?.headers ?? {}).flatMap(([name, value]) => (value ? [[name, value]] : [])),
    ),
    rateLimit: rate_limit?.interval
      ? { intervalSeconds: rate_limit.interval, burst: rate_limit.burst }
      : undefined,
  };
  return { config, files: source.files };
}

function webTls(tls: TlsServerConfig, source: Source): WebTls {
  const { client_auth_type: clientAuth, client_allowed_sans: allowedSans } = tls;
  const ca = pem(tls, 'client_ca', source);
  const fault = (field: keyof TlsServerConfig, message: string) =>
    source.invalid([{ path: ['tls_server_config', field], message }]);
  if (clientAuth.includes('Verify') && ca === undefined) {
    throw fault('client_auth_type', `client_auth_type ${clientAuth} needs a client_ca_file`);
  }
  if (clientAuth === 'NoClientCert' && ca !== undefined) {
    const field = tls.client_ca_file === undefined ? 'client_ca' : 'client_ca_file';
    throw fault(field, `${field} has no effect with client_auth_type NoClientCert`);
  }
  if (allowedSans && !clientAuth.startsWith('Require')) {
    throw fault(
      'client_allowed_sans',
      `client_allowed_sans has no effect with client_auth_type ${clientAuth}`,
    );
  }
  return { context: secureContext(tls, ca, source), clientAuth, allowedSans };
}

function secureContext(tls: TlsServerConfig, ca: Pem | undefined, source: Source): SecureContextOptions {
  const [cert, key] = (['cert', 'key'] as const).map((what) => {
    const given = pem(tls, what, source);
    if (given !== undefined) return given;
    throw source.invalid([
      { path: ['tls_server_config'], message: `tls_server_config.${what}_file is missing` },
    ]);
  });
  const context: SecureContextOptions = {
    cert,
    key,
    ...(ca !== undefined && { ca }),
    minVersion: VERSIONS[tls.min_version] satisfies SecureVersion,
    maxVersion: VERSIONS[tls.max_version] satisfies SecureVersion,
    honorCipherOrder: tls.prefer_server_cipher_suites,
    ...(tls.cipher_suites.length > 0 && { ciphers: openSslCiphers(tls.cipher_suites) }),
    ...(tls.curve_preferences.length > 0 && {
      ecdhCurve: tls.curve_preferences.map((curve) => CURVES[curve]).join(':'),
    }),
  };
  try {
    createSecureContext(context);
  } catch (error) {
    const message = `cannot use the certificate, its key or the versions: ${errorMessage(error)}`;
    throw source.invalid([{ path: ['tls_server_config'], message }]);
  }
  return context;
}

function openSslCiphers(suites: TlsServerConfig['cipher_suites']): string {
  const upTo12 = suites.flatMap((suite) =>
    Object.hasOwn(CIPHERS, suite) ? CIPHERS[suite as keyof typeof CIPHERS] : [],
  );
  return [...TLS13_CIPHERS, ...upTo12].join(':');
}

type Pem = string | Buffer;

/** Reads a PEM text from the configuration or from the file that it names. */
function pem(tls: TlsServerConfig, what: 'cert' | 'key' | 'client_ca', source: Source): Pem | undefined {
  const inline = tls[what];
  const field = `${what}_file` as const;
  const file = tls[field];
  if (file === undefined) return inline;
  const path = ['tls_server_config', field];
  if (inline !== undefined) {
    throw source.invalid([{ path, message: `give either ${what} or ${field}, not both` }]);
  }
  return source.read(file, path);
}

interface Fault {
  readonly path: readonly PropertyKey[];
  readonly message: string;
}

/** Unlike `schemaFindings`, quotes no values: some are secrets. */
function describe(issue: z.core.$ZodIssue): Fault[] {
  const { path: at } = issue;
  const name = at.join('.') || 'the file';
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => ({ path: [...at, key], message: `unknown field "${key}" in ${name}` }));
  }
  return [{ path: at, message: `${name}: ${issue.message}` }];
}

class Source {
  readonly files: string[];
  readonly value: unknown;
  readonly #document: YamlDocument | undefined;

  constructor(private readonly file: string) {
    this.files = [file];
    let text: string;
    try {
      text = readFileSync(file, 'utf8');
    } catch (cause) {
      throw new KernscaleError('WEB_CONFIG_INVALID', `cannot read the web configuration ${file}`, { cause });
    }
    const { document, errors } = parseSingleDocument(file, text);
    if (errors.length > 0) throw invalid(errors);
    this.#document = document;
    this.value = document?.value;
  }

  read(name: string, at: readonly PropertyKey[]): Buffer {
    const file = path.resolve(path.dirname(this.file), name);
    this.files.push(file);
    try {
      return readFileSync(file);
    } catch (error) {
      throw this.invalid([{ path: at, message: `cannot read the file: ${errorMessage(error)}` }]);
    }
  }

  invalid(faults: readonly Fault[]): KernscaleError {
    const start = { file: this.file, line: 1, column: 1 };
    return invalid(
      faults.map(({ path: at, message }) => ({
        ...(this.#document?.locatePointer({ path: at, atKey: true }) ?? start),
        message,
      })),
    );
  }
}

function invalid(faults: readonly (Position & { readonly message: string })[]): KernscaleError {
  const lines = faults.map(({ file, line, column, message }) => `${file}:${line}:${column}: ${message}`);
  return new KernscaleError('WEB_CONFIG_INVALID', lines.join('\n'));
}
