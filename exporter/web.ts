import { Readable, type Writable } from 'node:stream';
import { constants, createGzip } from 'node:zlib';
import Router from '@koa/router';
import Koa, { type Context, type Next } from 'koa';
import { errorCode, errorMessage } from '../common/errors.js';
import type { Logger } from '../common/log.js';
import type { Exporter } from './exporter.js';
import { CONTENT_TYPES, type Format } from './exposition/format.js';
import { landingPage } from './landing.js';
import { answerProfile, type ProfileService } from './profile/route.js';

/** What can be answered, in the order of preference when the client has none. */
const OFFERS: readonly (readonly [type: string, format: Format])[] = [
  ['text/plain;version=0.0.4', 'text'],
  ['application/openmetrics-text;version=1.0.0', 'openmetrics'],
  ['application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited', 'protobuf'],
];

/** The scraper went away; that is its business. */
const GONE_CLIENT = new Set(['ECONNRESET', 'EPIPE', 'ERR_STREAM_PREMATURE_CLOSE']);

/** The exporter's HTTP surface. */
export function createApp(exporter: Exporter, profiles: ProfileService, version: string, log: Logger): Koa {
  const router = new Router();
  router.get('/', (context) => {
    if (context.accepts(...OFFERS.map(([type]) => type), 'text/html') === 'text/html') {
      context.type = 'html';
      context.body = landingPage(version, exporter);
    } else {
      metrics(context, exporter);
    }
  });
  router.get('/metrics', (context) => {
    metrics(context, exporter);
  });
  router.get('/profile', (context) => answerProfile(context, profiles, log));
  router.get('/-/healthy', (context) => {
    context.body = 'kernscale-exporter is healthy.\n';
  });
  router.get('/-/ready', (context) => {
    context.status = exporter.ready ? 200 : 503;
    context.body = exporter.ready ? 'kernscale-exporter is ready.\n' : 'The list of pods is not in yet.\n';
  });
  const app = new Koa();
  app.use(ignoreParameters);
  app.on('error', (error: unknown) => {
    if (GONE_CLIENT.has(errorCode(error) ?? '')) return;
    log.error({ error: errorMessage(error) }, 'cannot answer a request');
  });
  app.use(router.routes());
  app.use(router.allowedMethods());
  return app;
}

/**
 * Prometheus 3 says after each type how it wants names escaped, others name the charset that we answer in anyway. As
 * parameters these would keep every type from matching.
 */
function ignoreParameters({ headers }: Context, next: Next): Promise<void> {
  const { accept } = headers;
  if (accept !== undefined) headers.accept = accept.replace(/;\s*(?:escaping|charset)=[^;,]*/gi, '');
  return next() as Promise<void>;
}

function metrics(context: Context, exporter: Exporter): void {
  const accepted = context.accepts(...OFFERS.map(([type]) => type));
  const format = OFFERS.find(([type]) => type === accepted)?.[1] ?? 'text';
  context.set('Content-Type', CONTENT_TYPES[format]);
  context.vary('Accept');
  context.vary('Accept-Encoding');
  const pieces = exporter.scrape(format);
  if (context.acceptsEncodings('gzip', 'identity') === 'gzip') {
    context.set('Content-Encoding', 'gzip');
    const gzip = createGzip({ level: constants.Z_BEST_SPEED });
    void feed(gzip, pieces);
    context.body = gzip;
  } else {
    context.body = Readable.from(copies(pieces));
  }
}

/** Has each piece compressed before it asks for the next. When the client goes away, koa destroys the stream. */
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
