/** Admission of connections and requests, as the web configuration says. */
import { createHmac, randomBytes } from 'node:crypto';
import type { RequestListener } from 'node:http';
import { isIPv6 } from 'node:net';
import type { TLSSocket } from 'node:tls';
import bcrypt from 'bcryptjs';
import pLimit from 'p-limit';
import { monotonic } from './monotonic.js';
import type { WebConfig, WebConfigFile, WebTls } from './web-config.js';

/** Guards every path, health checks included, as exporter-toolkit does. */
export function guard(handler: RequestListener, web: WebConfigFile): RequestListener {
  const auth = new BasicAuth();
  const isTooMany = limiter();
  return (request, response) => {
    const { users, headers, rateLimit } = web.current();
    if (isTooMany(rateLimit)) {
      response.writeHead(429, { 'Retry-After': '1' }).end('Too Many Requests\n');
      return;
    }
    for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
    if (users.size === 0) {
      handler(request, response);
      return;
    }
    void auth.check(request.headers.authorization, users).then((result) => {
      if (result === 'granted') {
        handler(request, response);
      } else if (result === 'busy') {
        response.writeHead(503, { 'Retry-After': '1' }).end('Too many passwords to check.\n');
      } else {
        response.writeHead(401, { 'WWW-Authenticate': 'Basic' }).end('Unauthorized\n');
      }
    });
  };
}

/** Checks the client's certificate after the handshake. */
export function isAcceptable(socket: TLSSocket, { clientAuth, allowedSans }: WebTls): boolean {
  const certificate = socket.getPeerX509Certificate();
  const given = certificate !== undefined;
  if (allowedSans && !allowedBySan(certificate?.subjectAltName, allowedSans)) return false;
  if (clientAuth === 'RequireAndVerifyClientCert') return socket.authorized;
  if (clientAuth === 'VerifyClientCertIfGiven') return !given || socket.authorized;
  return given || clientAuth !== 'RequireAnyClientCert';
}

/** One entry of `subjectAltName`; a name with a comma or quotes is written as a JSON string. */
const SAN = /(DNS|IP Address|email|URI):("(?:[^"\\]|\\.)*"|[^,]*)(?:, |$)/g;

/**
 * True if a subject alternative name of a certificate (DNS, IP, e-mail, URI) equals an allowed one.
 *
 * @param names `subjectAltName` of an X509Certificate, if it has any
 */
export function allowedBySan(names: string | undefined, allowed: readonly string[]): boolean {
  const wanted = new Set(allowed.map(canonical));
  return [...(names ?? '').matchAll(SAN)].some(([, , name]) => wanted.has(canonical(unquoted(name!))));
}

function unquoted(name: string): string {
  return name.startsWith('"') ? (JSON.parse(name) as string) : name;
}

/** OpenSSL writes IPv6 addresses in full, people do not. */
function canonical(name: string): string {
  return isIPv6(name) ? new URL(`http://[${name}]`).hostname : name;
}

/** Returns a function that is true for a request beyond the rate in force. */
function limiter(): (rate: WebConfig['rateLimit']) => boolean {
  let inForce: WebConfig['rateLimit'];
  let bucket: TokenBucket | undefined;
  return (rate) => {
    if (rate !== inForce) {
      inForce = rate;
      bucket = rate && new TokenBucket(rate.intervalSeconds, rate.burst);
    }
    return bucket?.take(monotonic()) === false;
  };
}

/** Admits one request per interval, and as many at once as fit into the bucket. */
export class TokenBucket {
  #tokens: number;
  #at: number | undefined;

  /** @param intervalSeconds time to earn a token @param burst capacity, and tokens at the start */
  constructor(
    private readonly intervalSeconds: number,
    private readonly burst: number,
  ) {
    this.#tokens = burst;
  }

  /** Takes a token if there is one. @param now seconds on a monotonic clock */
  take(now: number): boolean {
    const earned = (now - (this.#at ?? now)) / this.intervalSeconds;
    this.#tokens = Math.min(this.burst, this.#tokens + earned);
    this.#at = now;
    if (this.#tokens < 1) return false;
    this.#tokens--;
    return true;
  }
}

const MAX_REMEMBERED = 100;
const MAX_WAITING = 20;

/**
 * Checks HTTP basic authentication against bcrypt hashes. bcrypt is slow on purpose, so verified credentials are
 * remembered (as a keyed digest) and only one check runs at a time: password guessing cannot starve known users.
 */
class BasicAuth {
  readonly #key = randomBytes(32);
  readonly #verified = new Set<string>();
  readonly #oneByOne = pLimit(1);

  /** @param users bcrypt hashes by user name, at least one */
  async check(
    authorization: string | undefined,
    users: ReadonlyMap<string, string>,
  ): Promise<'granted' | 'denied' | 'busy'> {
    const credentials = parseCredentials(authorization);
    if (!credentials) return 'denied';
    const known = users.get(credentials.user);
    // An unknown user takes as long as a wrong password, so that user names do not leak.
    const hash = known ?? [...users.values()][0]!;
    const digest = createHmac('sha256', this.#key)
      .update(JSON.stringify([credentials, hash]))
      .digest('hex');
    if (known !== undefined && this.#verified.has(digest)) return 'granted';
    if (this.#oneByOne.pendingCount >= MAX_WAITING) return 'busy';
    return this.#oneByOne(async () => {
      if (known !== undefined && this.#verified.has(digest)) return 'granted';
      const matches = await bcrypt.compare(credentials.password, hash);
      if (!matches || known === undefined) return 'denied';
      this.#remember(digest);
      return 'granted';
    });
  }

  #remember(digest: string): void {
    if (this.#verified.size >= MAX_REMEMBERED) this.#verified.clear();
    this.#verified.add(digest);
  }
}

function parseCredentials(authorization = ''): { user: string; password: string } | undefined {
  const encoded = /^basic +([A-Za-z0-9+/]+=*)$/i.exec(authorization)?.[1];
  if (encoded === undefined) return undefined;
  const text = Buffer.from(encoded, 'base64').toString('utf8');
  const colon = text.indexOf(':');
  return colon < 0 ? undefined : { user: text.slice(0, colon), password: text.slice(colon + 1) };
}
