import { readFile } from 'node:fs/promises';
import { Agent, type Dispatcher } from 'undici';
import { KernscaleError } from '../../common/errors.js';
import type { HttpConfig, TlsConfig } from './http-config.js';

const MAX_RESPONSE_BYTES = 64 * 1024 * 1024;
const TLS_VERSIONS = { TLS10: 'TLSv1', TLS11: 'TLSv1.1', TLS12: 'TLSv1.2', TLS13: 'TLSv1.3' } as const;

interface TlsFiles {
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
}

/**
 * Kept-alive connections to one server, and what is sent along with every request. All files are read again for
 * every request, since mounted secrets rotate; new certificates open new connections.
 */
export class Connection {
  #agent: Agent | undefined;
  #files: TlsFiles = {};

  /**
   * @param connections at once
   * @param timeout of connecting, in seconds
   */
  constructor(
    private readonly config: HttpConfig,
    private readonly connections: number,
    private readonly timeout: number,
  ) {}

  /** @throws KernscaleError `PROMETHEUS_SECRET` when a file cannot be read */
  async dispatcher(): Promise<Dispatcher> {
    const tls = this.config.tls_config ?? {};
    const files = await readTls(tls);
    const same = (['ca', 'cert', 'key'] as const).every((name) => files[name] === this.#files[name]);
    if (this.#agent && same) return this.#agent;
    // Requests under way end on the connections that they have.
    this.#agent?.close().catch(() => undefined);
    this.#files = files;
    return (this.#agent = new Agent({
      connections: this.connections,
      maxResponseSize: MAX_RESPONSE_BYTES,
      headersTimeout: 0,
      bodyTimeout: 0,
      connect: {
        timeout: this.timeout * 1000,
        ...files,
        ...(tls.server_name !== undefined && { servername: tls.server_name }),
        ...(tls.min_version !== undefined && { minVersion: TLS_VERSIONS[tls.min_version] }),
        rejectUnauthorized: tls.insecure_skip_verify !== true,
      },
    }));
  }

  /** @throws KernscaleError `PROMETHEUS_SECRET` when a file cannot be read */
  async headers(): Promise<Record<string, string | string[]>> {
    const { http_headers: given = {} } = this.config;
    const authorization = await this.#authorization();
    const headers = await Promise.all(
      Object.entries(given).map(async ([name, { values = [], files = [] }]): Promise<[string, string[]]> => {
        return [name.toLowerCase(), [...values, ...(await Promise.all(files.map(readSecret)))]];
      }),
    );
    return {
      ...(authorization !== undefined && { authorization }),
      ...Object.fromEntries(headers),
    };
  }

  async close(): Promise<void> {
    await this.#agent?.destroy();
  }

  async #authorization(): Promise<string | undefined> {
    const { basic_auth: basic, authorization: other } = this.config;
    if (basic) {
      const password = basic.password ?? (await readSecret(basic.password_file!));
      return `Basic ${Buffer.from(`${basic.username}:${password}`).toString('base64')}`;
    }
    if (!other) return undefined;
    return `${other.type ?? 'Bearer'} ${other.credentials ?? (await readSecret(other.credentials_file!))}`;
  }
}

async function readTls({ ca_file, cert_file, key_file }: TlsConfig): Promise<TlsFiles> {
  const [ca, cert, key] = await Promise.all(
    [ca_file, cert_file, key_file].map((file) =>
      file === undefined ? Promise.resolve(undefined) : readSecret(file),
    ),
  );
  return {
    ...(ca !== undefined && { ca }),
    ...(cert !== undefined && { cert }),
    ...(key !== undefined && { key }),
  };
}

async function readSecret(file: string): Promise<string> {
  try {
    return (await readFile(file, 'utf8')).trim();
  } catch (cause) {
    throw new KernscaleError('PROMETHEUS_SECRET', `cannot read ${file}`, { cause });
  }
}
