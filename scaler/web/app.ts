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
import type { Assignment } from '../loop/assignments.js';
import { detailsOf } from '../core/details.js';
import { harmState } from '../core/details-requests.js';
import { OUTCOME_TEXTS, type DecisionRecord, type DecisionRecords } from '../loop/record.js';
import type { RuleManager } from '../rules/rule-manager.js';
import { refusal } from './cross-site.js';
import { requestBars } from './request-bars.js';

const FOLDER = path.join('scaler', 'web', 'static');
const TYPES: Readonly<Record<string, string>> = {
  '/': 'text/html; charset=utf-8',
  '/page.js': 'text/javascript; charset=utf-8',
  '/style.css': 'text/css; charset=utf-8',
  '/icon.svg': 'image/svg+xml',
};

const SECURITY_HEADERS = {
  'Content-Security-Policy':
    "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'X-Content-Type-Options': 'nosniff',
  'Referrer-Policy': 'no-referrer',
};

interface WebSources {
  readonly records: DecisionRecords;
  readonly ruleManager: Pick<RuleManager, 'groups' | 'ruleCount' | 'errors' | 'reload'>;
  readonly assignments: () => ReadonlyMap<string, Assignment>;
  readonly registry: Registry;
  /** Seconds since the epoch, by the clock of the records. */
  readonly clock: () => number;
  /** Current problems, as sentences for people. */
  readonly problems: () => readonly string[];
  readonly leads: () => boolean;
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

function apiRoutes(
  router: Router,
  { records, ruleManager, assignments, clock, problems, leads }: WebSources,
): void {
  router.get('/api/v1/decisions', (context) => {
    context.set('Cache-Control', 'no-store');
    const head = {
      now: clock(),
      status: { leader: leads(), rules: ruleManager.ruleCount, problems: problems() },
      changes: records.changes().map(summary),
    };
    context.type = 'json';
    context.body = Readable.from(decisionsOf(head, records.list()));
  });
  router.get('/api/v1/decisions/:namespace/:kind/:name', (context) => {
    const { namespace = '', kind = '', name = '' } = context.params;
    const record = records.get({ namespace, kind, name });
    context.status = record ? 200 : 404;
    context.body = (record && withTexts(record)) ?? {
      error: `no rule has decided on ${namespace}/${kind}/${name}`,
    };
  });
  router.get('/api/v1/rules', (context) => {
    context.body = {
      groups: ruleManager.groups,
      targets: [...assignments().values()].map(({ key, group, rule }) => ({
        workload: key,
        group: group.name,
        scale: rule.scale,
      })),
    };
  });
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

/** A record with the texts and bars that the page shows beside its reason, so that the page has no phrases of its own. */
function withTexts(record: DecisionRecord) {
  const { harm, at } = record.trace;
  return {
    ...record,
    outcomeText: OUTCOME_TEXTS[record.outcome],
    harmText: harm && `Harm: ${harmState(harm, at)}`,
    request: requestBars(harm),
    details: detailsOf(record),
  };
}

/** JSON in parts: the texts of one record are in memory at a time. */
function* decisionsOf(head: object, records: readonly DecisionRecord[]): Iterable<string> {
  yield `${JSON.stringify(head).slice(0, -1)},"decisions":[`;
  for (const [index, record] of records.entries()) {
    yield (index === 0 ? '' : ',') + JSON.stringify(withTexts(record));
  }
  yield ']}';
}

/** The text of each metric: that of all of a large fleet is too long to be in memory at once. */
async function* metricsOf(registry: Registry): AsyncIterable<string> {
  for (const { name } of registry.getMetricsAsArray())
    yield `${await registry.getSingleMetricAsString(name)}\n\n`;
}

/** A record without its trace and the fields of its rule. */
function summary(record: DecisionRecord) {
  const { group, scale, namespace, workload, workloadKind, at, class: workloadClass, action } = record;
  const { currentReplicas, replicas, reason, applied, outcome, error } = record;
  const decided = {
    class: workloadClass,
    action,
    currentReplicas,
    replicas,
    reason,
    applied,
    outcome,
    error,
  };
  return { group, scale, namespace, workload, workloadKind, at, ...decided };
}

/**
 * Reads the files of the live page, which are not compiled, by URL path.
 *
 * @throws KernscaleError `STATIC_FILES_MISSING`
 */
function readStaticFiles(): [url: string, file: { readonly type: string; readonly body: Buffer }][] {
  return Object.entries(TYPES).map(([url, type]) => {
    const file = path.join(FOLDER, url === '/' ? 'index.html' : url);
    try {
      return [url, { type, body: readFileSync(path.join(packageRoot(), file)) }];
    } catch (cause) {
      const message = `${file} is missing from this installation; install it again`;
      throw new KernscaleError('STATIC_FILES_MISSING', message, { cause });
    }
  });
}
