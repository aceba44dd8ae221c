import { statSync } from 'node:fs';
import { errorMessage } from './errors.js';
import type { Logger } from './log.js';
import { authenticates, loadWebConfig, type WebConfig } from './web-config.js';

/**
 * A web configuration file that is followed while it is in use, together with the certificates it names: they are
 * looked at for every connection and request, which also sees a Secret's volume being swapped and needs no watcher.
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

  /** Whether every client has to tell who it is, as things are now. */
  get authenticates(): boolean {
    return authenticates(this.current());
  }

  /** The configuration as it is now; as it was before while the files are not good, which is logged once. */
  current(): WebConfig {
    const stamp = stampOf(this.#files);
    if (stamp === this.#stamp) return this.#config;
    this.#stamp = stamp;
    try {
      const { config, files } = loadWebConfig(this.file);
      if (handshakeOf(config) !== handshakeOf(this.#config)) {
        this.log.error('TLS, and asking clients for certificates, are switched on or off by a restart only');
        return this.#config;
      }
      this.#config = config;
      this.#files = files;
      this.#stamp = stampOf(files);
      this.log.info({ file: this.file }, 'web configuration loaded');
    } catch (error) {
      this.log.error(
        { error: errorMessage(error) },
        'the web configuration is not good, the one before goes on',
      );
    }
    return this.#config;
  }
}

/** What a service serves by: the file of `--web.config.file`, if any. @throws KernscaleError `WEB_CONFIG_INVALID` */
export function openWebConfig(file: string | undefined, log: Logger): WebConfigFile | undefined {
  return file === undefined ? undefined : new WebConfigFile(file, log);
}

/** Whether to speak TLS and to ask clients for certificates, which a listening server cannot change. */
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
