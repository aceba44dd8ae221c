import { Readable, type Writable } from 'node:stream';
import { constants, createGzip } from 'node:zlib';
import Router from '@koa/router';
import Koa, { type Context, type Next } from 'koa';
import { reportErrors } from '../common/http.js';
import type { Logger } from '../common/log.js';
import type { Exporter } from './exporter.js';
import { CONTENT_TYPES, type Format } from './exposition/format.js';
import { serveProfile, type ProfileService } from './profile/route.js';

/** Media types, most preferred first. */
const OFFERS: readonly (readonly [type: string, format: Format])[] = [
  ['text/plain;version=0.0.4', 'text'],
  ['application/openmetrics-text;version=1.0.0', 'openmetrics'],
  ['application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited', 'protobuf'],
];

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

/** Page for a browser at the exporter's address. */
function landingPage(version: string, exporter: Pick<Exporter, 'programs' | 'ready' | 'reduced'>): string {
  const rows = exporter.programs.map(
    ({ probe, program, attached, detail }) =>
      `<tr><td>${escape(probe)}</td><td>${escape(program)}</td>` +
      `<td>${attached ? 'attached' : 'not attached'}${detail === '' ? '' : `: ${escape(detail)}`}</td></tr>`,
  );
  const { reduced } = exporter;
  const mode = reduced
    ? `<p><strong>Reduced mode (${reduced.reason}): ${escape(reduced.detail)}.</strong>
Only the CPU time and the starvation of cgroups are measured.</p>\n`
    : '';
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>Kernscale exporter</title>
<style>
  body { font: 16px/1.5 system-ui, sans-serif; max-width: 48rem; margin: 3rem auto; padding: 0 1rem; color: #1d2433 }
  table { border-collapse: collapse } td { padding: .2rem 1.5rem .2rem 0; border-bottom: 1px solid #dde2ea }
  @media (prefers-color-scheme: dark) { body { background: #12161f; color: #dde2ea } a { color: #8ab4ff } }
</style>
<h1>Kernscale exporter</h1>
<p>Version ${escape(version)}. Thread states of every workload on this node.</p>
<p><a href="/metrics">Metrics</a> · <a href="/-/healthy">Health</a> ·
<a href="/-/ready">${exporter.ready ? 'Ready' : 'Not ready: waiting for the list of pods'}</a></p>
${mode}<table>${rows.join('\n')}</table>
</html>
`;
}

function escape(text: string): string {
  return text.replace(/[&<>"]/g, (char) => `&#${char.charCodeAt(0)};`);
}
