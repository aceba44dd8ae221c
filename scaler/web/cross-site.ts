/** Refusal of requests that a website may have made a browser send: by DNS rebinding, or across sites (CSRF). */
import { isIP } from 'node:net';
import { KernscaleError } from '../../common/errors.js';

/** Paths that scrapers, kubelets and load balancers request by any name. */
const BY_ANY_NAME = new Set(['/metrics', '/-/healthy', '/-/ready']);
const READING = new Set(['GET', 'HEAD', 'OPTIONS']);

/** Names that no website has: without a dot, or below a top-level name that public DNS does not delegate. */
const PRIVATE_NAME = /^[\w-]+$|^[\w.-]+\.(localhost|local|internal|svc)$/;

export interface BrowserRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<
    Partial<Record<'host' | 'origin' | 'sec-fetch-site', string | string[] | undefined>>
  >;
}

/**
 * Returns why a request is refused; undefined: it is not.
 *
 * @param externalUrl URL at which browsers reach the service through a proxy or by a name of public DNS
 */
export function refusal(
  { method, path, headers }: BrowserRequest,
  externalUrl: URL | undefined,
): KernscaleError | undefined {
  const [host, origin, site] = [headers.host, headers.origin, headers['sec-fetch-site']].map(text);
  if (host !== undefined && !BY_ANY_NAME.has(path) && !isSafeHost(host, externalUrl)) {
    return new KernscaleError(
      'HOST_REFUSED',
      `no answer by the name "${host}": through a name of its own, a website could read decisions in your browser; if this name is yours, start the scaler with --web.external-url=http://${host}`,
    );
  }
  if (READING.has(method) || !isForeign(host, origin, site, externalUrl)) return undefined;
  return new KernscaleError(
    'ORIGIN_REFUSED',
    `a page of ${origin ?? 'another site'} may not do this; behind a proxy, start the scaler with --web.external-url and the URL that browsers show`,
  );
}

/** Node.js joins repeated headers, so there is one text. */
function text(header: string | string[] | undefined): string | undefined {
  return header?.toString();
}

/** @param host name or address, and a port, which says nothing about who is asked */
function isSafeHost(host: string, externalUrl: URL | undefined): boolean {
  const [, bracketed, plain = ''] = /^(?:\[([^\]]+)\]|([^:]*))(?::\d*)?$/.exec(host) ?? [];
  if (bracketed !== undefined) return isIP(bracketed) === 6;
  const name = plain.toLowerCase().replace(/\.$/, '');
  return isIP(name) === 4 || PRIVATE_NAME.test(name) || name === externalUrl?.hostname.replace(/\.$/, '');
}

/** A program that is no browser sends neither header. */
function isForeign(
  host = '',
  origin: string | undefined,
  site: string | undefined,
  externalUrl: URL | undefined,
): boolean {
  if (origin !== undefined && origin === externalUrl?.origin) return false;
  if (site !== undefined) return site !== 'same-origin' && site !== 'none';
  if (origin === undefined) return false;
  const from = URL.canParse(origin) ? new URL(origin) : undefined;
  const here = `${from?.protocol}//${host}`;
  return !from || !URL.canParse(here) || from.host !== new URL(here).host;
}
