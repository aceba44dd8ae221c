import { Readable, type Writable } from 'node:stream';
import { constants, createGzip } from 'node:zlib';
import Router from '@koa/router';
import Koa, { type Context, type Next } from 'koa';
import { reportErrors } from '../common/http.js';
import type { Logger } from '../common/log.js';
import type { Exporter } from './exporter.js';
import { CONTENT_TYPES, type Format } from './exposition/format.js';
import { landingPage, PAGE_HEADERS } from './landing-page.js';
import { serveProfile, type ProfileService } from './profile/route.js';

/** Media types, most preferred first. */
const OFFERS: readonly (readonly [type: string, format: Format])[] = [
  ['text/plain;version=0.0.4', 'text'],
  ['application/openmetrics-text;version=1.0.0', 'openmetrics'],
  ['application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited', 'protobuf'],
];

/** Workloads that the page names for each state. */
const BUSIEST = 5;

export interface WebOptions {
  readonly version: string;
  /** Scrapes to serve at a time; 0: any number. */
  readonly maxRequests: number;
}

/** The exporter's HTTP surface. */
export function createApp(
  exporter: Exporter,
  profiles: ProfileService,
  { version, maxRequests }: WebOptions,
  log: Logger,
): Koa {
  const router = new Router();
  const metrics = atMost(maxRequests, (context) => {
    serveMetrics(context, exporter);
  });
  router.get('/', (context) => {
    if (context.accepts(...OFFERS.map(([type]) => type), 'text/html') === 'text/html') {
      const { ready, reduced, programs } = exporter;
      context.set(PAGE_HEADERS);
      context.type = 'html';
      context.body = landingPage({ version, ready, reduced, programs, busiest: exporter.busiest(BUSIEST) });
    } else {
      metrics(context);
    }
  });
  router.get('/metrics', metrics);
  router.get('/profile', (context) => serveProfile(context, profiles, log));
  router.get('/-/healthy', (context) => {
    context.body = 'kernscale-exporter is healthy.\n';
  });
  router.get('/-/ready', (context) => {
    context.status = exporter.ready ? 200 : 503;
    const { ready, reduced } = exporter;
    context.body = ready
      ? `kernscale-exporter is ready${reduced ? `, in reduced mode: ${reduced.detail}` : ''}.\n`
      : 'Waiting for the list of pods.\n';
  });
  const app = new Koa();
  app.use(ignoreParameters);
  reportErrors(app, log);
  app.use(router.routes());
  app.use(router.allowedMethods());
  return app;
}

/**
 * Drops the escaping scheme that Prometheus 3 adds to each media type, and the charset that others add: neither changes
 * the response, but a parameter would keep every type from matching.
 */
function ignoreParameters({ headers }: Context, next: Next): Promise<void> {
  const { accept } = headers;
  if (accept !== undefined) headers.accept = accept.replace(/;\s*(?:escaping|charset)=[^;,]*/gi, '');
  return next() as Promise<void>;
}

/** Serves at most so many requests at a time, until their responses are sent, and 503 to the others. */
function atMost(most: number, serve: (context: Context) => void): (context: Context) => void {
  let served = 0;
  return (context) => {
    if (most > 0 && served >= most) {
      context.status = 503;
      context.body = `${most} scrapes are being served already; try again later.\n`;
      return;
    }
    served++;
    context.res.once('close', () => served--);
    serve(context);
  };
}

/** Metrics that the client names, as client_golang has it (`name[]=…`); undefined: all. */
function namesOf({ query }: Context): ReadonlySet<string> | undefined {
  const names = query['name[]'];
  return names === undefined ? undefined : new Set([names].flat());
}

function serveMetrics(context: Context, exporter: Exporter): void {
  const accepted = context.accepts(...OFFERS.map(([type]) => type));
  const format = OFFERS.find(([type]) => type === accepted)?.[1] ?? 'text';
  context.set('Content-Type', CONTENT_TYPES[format]);
  context.vary('Accept');
  context.vary('Accept-Encoding');
  const pieces = exporter.scrape(format, namesOf(context));
  if (context.acceptsEncodings('gzip', 'identity') === 'gzip') {
    context.set('Content-Encoding', 'gzip');
    const gzip = createGzip({ level: constants.Z_BEST_SPEED });
    void feed(gzip, pieces);
    context.body = gzip;
  } else {
    context.body = Readable.from(copies(pieces));
  }
}

/** Compresses each piece before it requests the next. When the client disconnects, koa destroys the stream. */
async function feed(stream: Writable, pieces: AsyncIterable<Uint8Array>): Promise<void> {
  try {
    for await (const piece of pieces) {
      await new Promise<void>((resolve, reject) => {
        stream.once('close', reject);
        stream.write(piece, (error) => {
          stream.off('close', reject);
          if (error) reject(error);
          else resolve();
        });
      });
    }
    stream.end();
  } catch (error) {
    stream.destroy(error as Error | undefined);
  }
}

async function* copies(pieces: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  for await (const piece of pieces) yield Buffer.from(piece);
}
