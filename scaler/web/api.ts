import { pipeline, Readable } from 'node:stream';
import { constants, createGzip } from 'node:zlib';
import type Router from '@koa/router';
import type { Context } from 'koa';
import { detailsOf } from '../core/details.js';
import { harmState } from '../core/details-requests.js';
import type { Assignment } from '../loop/assignments.js';
import { OUTCOME_TEXTS, type DecisionRecord, type DecisionRecords } from '../loop/record.js';
import type { RuleManager } from '../rules/rule-manager.js';
import { arithmetic } from './arithmetic.js';
import type { Board } from './board.js';
import { eventStream } from './event-stream.js';
import { requestBars } from './request-bars.js';
import { FIELDS, POINT, STATES, type Status } from './row.js';

/** Decisions of one answer that differ from the ones before. */
const MAX_CHANGES = 100;
/** Streams of events at once. */
const MAX_STREAMS = 64;

export interface ApiSources {
  readonly records: DecisionRecords;
  readonly board: Board;
  readonly ruleManager: Pick<RuleManager, 'groups' | 'ruleCount' | 'errors'>;
  readonly assignments: () => ReadonlyMap<string, Assignment>;
  /** Seconds since the epoch, by the clock of the records. */
  readonly clock: () => number;
  /** Current problems, as sentences for people. */
  readonly problems: () => readonly string[];
  readonly leads: () => boolean;
  /** True if no rule is applied. */
  readonly dryRun: boolean;
  /** Grafana that the page links to. */
  readonly grafanaUrl?: URL | undefined;
}

/** The API: complete decisions for scripts and `explain`; compact rows, their changes and their past for the page. */
export function apiRoutes(router: Router, sources: ApiSources): void {
  decisionRoutes(router, sources);
  boardRoutes(router, sources);
  ruleRoutes(router, sources);
}

function decisionRoutes(router: Router, { records, ruleManager, clock, problems, leads }: ApiSources): void {
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
  router.get('/api/v1/changes', (context) => {
    context.set('Cache-Control', 'no-store');
    const { workload } = context.query;
    const all = records.changes();
    const own = workload === undefined ? all : all.filter(({ trace }) => trace.workload === workload);
    context.body = {
      changes: own
        .slice(0, MAX_CHANGES)
        .map((one) => ({ ...summary(one), outcomeText: OUTCOME_TEXTS[one.outcome] })),
    };
  });
  router.get('/api/v1/decisions/:namespace/:kind/:name', (context) => {
    const { namespace = '', kind = '', name = '' } = context.params;
    const record = records.get({ namespace, kind, name });
    context.status = record ? 200 : 404;
    context.body = (record && { ...withTexts(record), source: sourceOf(record, ruleManager) }) ?? {
      error: `no rule has decided on ${namespace}/${kind}/${name}`,
    };
  });
}

function boardRoutes(router: Router, sources: ApiSources): void {
  const { board, clock, records } = sources;
  const status = () => statusOf(sources);
  router.get('/api/v1/workloads', (context) => {
    context.set('Cache-Control', 'no-store');
    context.body = { now: clock(), status: status(), fields: FIELDS, states: STATES, rows: board.list() };
  });
  router.get('/api/v1/workloads/:namespace/:kind/:name/history', (context) => {
    const { namespace = '', kind = '', name = '' } = context.params;
    const points = board.history({ namespace, kind, name });
    context.status = points ? 200 : 404;
    context.body = points
      ? { fields: POINT, points }
      : { error: `no rule has decided on ${namespace}/${kind}/${name}` };
  });
  router.get('/api/v1/graph', (context) => {
    const walks = records.list().flatMap(({ trace: { walk } }) => (walk ? [walk.path] : []));
    context.body = { edges: board.edges(), walks };
  });
  router.get('/api/v1/events', (context) => {
    if (board.readers >= MAX_STREAMS) {
      context.status = 503;
      context.body = { error: `${MAX_STREAMS} streams of events are open already` };
      return;
    }
    sendEvents(context, eventStream({ board, clock, status }));
  });
}

function statusOf({ board, ruleManager, problems, leads, dryRun, grafanaUrl }: ApiSources): Status {
  const intervals = new Map(ruleManager.groups.map(({ name, interval }) => [name, interval]));
  return {
    leader: leads(),
    dryRun,
    ...(grafanaUrl && { grafana: grafanaUrl.href }),
    rules: ruleManager.ruleCount,
    problems: problems(),
    groups: [...board.rounds].map(([name, at]) => [name, at, intervals.get(name) ?? 0]),
  };
}

/** Each event is compressed and sent by itself; the next one is made once the client has room for it. */
function sendEvents(context: Context, events: AsyncIterable<string>): void {
  context.type = 'text/event-stream';
  context.set({ 'Cache-Control': 'no-store', 'X-Accel-Buffering': 'no' });
  const source = Readable.from(events, { objectMode: false, highWaterMark: 1 });
  context.vary('Accept-Encoding');
  if (context.acceptsEncodings('gzip', 'identity') !== 'gzip') {
    context.body = source;
    return;
  }
  context.set('Content-Encoding', 'gzip');
  const gzip = createGzip({ flush: constants.Z_SYNC_FLUSH });
  // An error is the client's end.
  context.body = pipeline(source, gzip, () => undefined);
}

function ruleRoutes(router: Router, { ruleManager, assignments }: ApiSources): void {
  router.get('/api/v1/rules', (context) => {
    context.body = {
      errors: ruleManager.errors,
      groups: ruleManager.groups,
      targets: [...assignments().values()].map(({ key, group, rule }) => ({
        workload: key,
        group: group.name,
        scale: rule.scale,
      })),
    };
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
    arithmetic: arithmetic(record.trace),
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

/** Position of a record's rule; undefined once the rule is gone. */
function sourceOf(
  { group, scale }: DecisionRecord,
  { groups }: ApiSources['ruleManager'],
): string | undefined {
  const rules = groups.filter(({ name }) => name === group).flatMap(({ rules: own }) => own);
  const source = rules.find((rule) => rule.scale === scale)?.source;
  return source && `${source.file}:${source.line}`;
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
