import { isIPv6 } from 'node:net';

/** A name as X509Certificate writes it; one with a comma or quotes in it stands in quotes, as JSON does it. */
const NAME = /(DNS|IP Address|email|URI):("(?:[^"\\]|\\.)*"|[^,]*)(?:, |$)/g;

/**
 * Whether one of a certificate's subject alternative names (DNS, IP, e-mail, URI) is exactly one of those allowed.
 *
 * @param names `subjectAltName` of a X509Certificate; undefined: it has none
 */
export function allowedBySan(names: string | undefined, allowed: readonly string[]): boolean {
  const wanted = new Set(allowed.map(canonical));
  return [...(names ?? '').matchAll(NAME)].some(([, , name]) => wanted.has(canonical(unquoted(name!))));
}

function unquoted(name: string): string {
  return name.startsWith('"') ? (JSON.parse(name) as string) : name;
}

/** OpenSSL writes IPv6 addresses out in full, people do not. */
function canonical(name: string): string {
  return isIPv6(name) ? new URL(`http://[${name}]`).hostname : name;
}
