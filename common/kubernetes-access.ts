import { accessSync, readFileSync } from 'node:fs';
import type { RequestOptions } from 'node:https';
import { isIPv6 } from 'node:net';

/** Address and credentials of an API server: the part of client-node's `KubeConfig` that a watch needs. */
export interface ApiAccess {
  getCurrentCluster(): { readonly server: string } | null;
  applyToHTTPSOptions(options: RequestOptions): Promise<void>;
}

const SERVICE_ACCOUNT = '/var/run/secrets/kubernetes.io/serviceaccount';

/**
 * Access with the pod's service account, as `KubeConfig.loadFromCluster` without the 70 MB that client-node takes. Token
 * and certificates are read for every request, because the kubelet rotates them.
 */
export class ServiceAccountAccess implements ApiAccess {
  readonly #server: string;

  /** @param directory where the kubelet mounts the token */
  constructor(private readonly directory = SERVICE_ACCOUNT) {
    const host = process.env['KUBERNETES_SERVICE_HOST'] ?? '';
    const port = process.env['KUBERNETES_SERVICE_PORT'] ?? '443';
    this.#server = `https://${isIPv6(host) ? `[${host}]` : host}:${port}`;
  }

  getCurrentCluster(): { readonly server: string } {
    return { server: this.#server };
  }

  applyToHTTPSOptions(options: RequestOptions): Promise<void> {
    const token = readFileSync(`${this.directory}/token`, 'utf8');
    options.headers = {
      ...(options.headers as Record<string, string>),
      Authorization: `Bearer ${token.trim()}`,
    };
    options.ca = readFileSync(`${this.directory}/ca.crt`);
    return Promise.resolve();
  }
}

export function inPod(): boolean {
  return Boolean(process.env['KUBERNETES_SERVICE_HOST']) && readable(`${SERVICE_ACCOUNT}/token`);
}

export function readable(file: string): boolean {
  try {
    accessSync(file);
    return true;
  } catch {
    return false;
  }
}
