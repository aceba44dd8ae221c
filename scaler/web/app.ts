import Router from '@koa/router';
import Koa, { type Context, type Next } from 'koa';
import type { Registry } from 'prom-client';
import { reportErrors } from '../../common/http.js';
import type { Logger } from '../../common/log.js';
import type { Assignment } from '../loop/assignments.js';
import type { DecisionRecord, DecisionRecords } from '../loop/records.js';
import type { RuleManager } from '../rules/rule-manager.js';
import { readStaticFiles } from './static.js';

const SECURITY_HEADERS = {
  'Content-Security-Policy':
    "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'X-Content-Type-Options': 'nosniff',
  'Referrer-Policy': 'no-referrer',
};

export interface WebSources {
  readonly records: DecisionRecords;
  readonly book: Pick<RuleManager, 'groups' | 'ruleCount' | 'errors' | 'reload'>;
  readonly assignments: () => ReadonlyMap<string, Assignment>;
  readonly registry: Registry;
  /** Sentences for people about what is wrong now. */
  readonly problems: () => readonly string[];
  readonly leads: () => boolean;
  /** Why the service is not ready; undefined when it is. */
  readonly unready: () => string | undefined;
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
  app.use(secure).use(router.routes()).use(router.allowedMethods());
  return app;
}

async function secure(context: Context, next: Next): Promise<void> {
  context.set(SECURITY_HEADERS);
  await next();
}

function apiRoutes(router: Router, { records, book, assignments, problems, leads }: WebSources): void {
  router.get('/api/v1/decisions', (context) => {
    context.set('Cache-Control', 'no-store');
    context.body = {
      now: Date.now() / 1000,
      status: { leader: leads(), rules: book.ruleCount, problems: problems() },
      decisions: records.list(),
      changes: records.changes().map(summary),
    };
  });
  router.get('/api/v1/decisions/:namespace/:kind/:name', (context) => {
    const { namespace = '', kind = '', name = '' } = context.params;
    const record = records.get({ namespace, kind, name });
    context.status = record ? 200 : 404;
    context.body = record ?? { error: `no rule has decided on ${namespace}/${kind}/${name}` };
  });
  router.get('/api/v1/rules', (context) => {
    context.body = {
      groups: book.groups,
      targets: [...assignments().values()].map(({ key, group, rule }) => ({
        workload: key,
        group: group.name,
        scale: rule.scale,
      })),
    };
  });
}

function operationRoutes(router: Router, { registry, unready, book }: WebSources): void {
  router.get('/metrics', async (context) => {
    context.set('Content-Type', registry.contentType);
    context.body = await registry.metrics();
  });
  router.get('/-/healthy', (context) => {
    context.body = 'kernscale-scaler is healthy.\n';
  });
  router.get('/-/ready', (context) => {
    const why = unready();
    context.status = why === undefined ? 200 : 503;
    context.body = why === undefined ? 'kernscale-scaler is ready.\n' : `${why}\n`;
  });
  router.post('/-/reload', async (context) => {
    const good = await book.reload();
    context.status = good ? 200 : 500;
    context.body = good ? 'Rules reloaded.\n' : `${book.errors.join('\n')}\n`;
  });
}

/** A record without its trace and what is copied from its rule. */
function summary(record: DecisionRecord) {
  const { group, scale, namespace, workload, workloadKind, at, class: workloadClass, action } = record;
  const { currentReplicas, replicas, reason, applied, outcome, error } = record;
  const identity = { group, scale, namespace, workload, workloadKind, at };
  return {
    ...identity,
    class: workloadClass,
    action,
    currentReplicas,
    replicas,
    reason,
    applied,
    outcome,
    error,
  };
}
