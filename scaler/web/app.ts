import { readFileSync } from 'node:fs';
import path from 'node:path';
import { Readable } from 'node:stream';
import Router from '@koa/router';
import Koa, { type Context, type Next } from 'koa';
import type { Registry } from 'prom-client';
import { KernscaleError } from '../../common/errors.js';
import { reportErrors } from '../../common/http.js';
import type { Logger } from '../../common/log.js';
import { packageRoot } from '../../common/main.js';
import type { RuleManager } from '../rules/rule-manager.js';
import { apiRoutes, type ApiSources } from './api.js';
import { compress } from './compress.js';
import { refusal } from './cross-site.js';

const FOLDER = path.join('dist', 'scaler', 'web', 'page');
const TYPES: Readonly<Record<string, string>> = {
  '/': 'text/html; charset=utf-8',
  '/page.js': 'text/javascript; charset=utf-8',
  '/page.css': 'text/css; charset=utf-8',
  '/icon.svg': 'image/svg+xml',
};

const SECURITY_HEADERS = {
  'Content-Security-Policy':
    "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'X-Content-Type-Options': 'nosniff',
  'Referrer-Policy': 'no-referrer',
};

interface WebSources extends ApiSources {
  readonly ruleManager: ApiSources['ruleManager'] & Pick<RuleManager, 'reload'>;
  readonly registry: Registry;
  /** Reason why the service is not ready, if it is not. */
  readonly unready: () => string | undefined;
  /** URL at which browsers reach the service, if that is not one of its own addresses. */
  readonly externalUrl?: URL | undefined;
  readonly log: Logger;
}

/** The scaler's HTTP surface: API, metrics, health, reload and the live page. */
export function createApp(sources: WebSources): Koa {
  const router = new Router();
  apiRoutes(router, sources);
  operationRoutes(router, sources);
  for (const [url, { type, body }] of readStaticFiles()) {
    router.get(url, (context) => {
      context.type = type;
      context.body = body;
    });
  }
  const app = new Koa();
  reportErrors(app, sources.log);
  app
    .use(secure)
    .use(refuseOtherSites(sources.externalUrl))
    .use(compress)
    .use(router.routes())
    .use(router.allowedMethods());
  return app;
}

async function secure(context: Context, next: Next): Promise<void> {
  context.set(SECURITY_HEADERS);
  await next();
}

function refuseOtherSites(externalUrl: URL | undefined) {
  return async (context: Context, next: Next): Promise<void> => {
    const refused = refusal(context, externalUrl);
    if (!refused) {
      await next();
      return;
    }
    context.status = 403;
    context.body = `${refused.message} [${refused.code}]\n`;
  };
}

function operationRoutes(router: Router, { registry, unready, ruleManager }: WebSources): void {
  router.get('/metrics', (context) => {
    context.set('Content-Type', registry.contentType);
    context.body = Readable.from(metricsOf(registry));
  });
  router.get('/-/healthy', (context) => {
    context.body = 'kernscale-scaler is healthy.\n';
  });
  router.get('/-/ready', (context) => {
    const reason = unready();
    context.status = reason === undefined ? 200 : 503;
    context.body = reason === undefined ? 'kernscale-scaler is ready.\n' : `${reason}\n`;
  });
  router.post('/-/reload', async (context) => {
    const loaded = await ruleManager.reload();
    context.status = loaded ? 200 : 500;
    context.body = loaded ? 'Rules reloaded.\n' : `${ruleManager.errors.join('\n')}\n`;
  });
}

/** The text of each metric: that of all of a large fleet is too long to be in memory at once. */
async function* metricsOf(registry: Registry): AsyncIterable<string> {
  for (const { name } of registry.getMetricsAsArray())
    yield `${await registry.getSingleMetricAsString(name)}\n\n`;
}

/**
 * Reads the files of the live page, which `scripts/build.sh` bundles, by URL path.
 *
 * @throws KernscaleError `STATIC_FILES_MISSING`
 */
function readStaticFiles(): [url: string, file: { readonly type: string; readonly body: Buffer }][] {
  return Object.entries(TYPES).map(([url, type]) => {
    const file = path.join(FOLDER, url === '/' ? 'index.html' : url);
    try {
      return [url, { type, body: readFileSync(path.join(packageRoot(), file)) }];
    } catch (cause) {
      const message = `${file} is missing; run npm run build`;
      throw new KernscaleError('STATIC_FILES_MISSING', message, { cause });
    }
  });
}
