import { KernscaleError } from '../../common/errors.js';
import { HEARTBEAT } from '../promql/freshness.js';
import { checkPromql, type CheckPromql } from '../promql/check.js';
import { PrometheusClient, type PrometheusOptions } from '../promql/client.js';
import { withMatchers } from '../promql/matchers.js';

/** Age of the oldest metrics that count as existing, seconds. */
const LOOK_BACK = 3600;

interface Asked {
  /** Metrics that Prometheus has. */
  readonly metrics: ReadonlySet<string>;
  /** Seconds between two scrapes; undefined without data of the exporter. */
  readonly scrapeInterval: number | undefined;
  /** Why the server refuses each expression, in its words; undefined if it accepts it. */
  readonly refusals: ReadonlyMap<string, string | undefined>;
}

/** Asks Prometheus what `check` must know of it. @throws KernscaleError `PROMETHEUS_ANSWER` */
export async function askPrometheus(
  options: PrometheusOptions,
  matchers: string | undefined,
  expressions: Iterable<string>,
): Promise<Asked> {
  const client = new PrometheusClient(options);
  const heartbeat = matchers === undefined ? HEARTBEAT : withMatchers(HEARTBEAT, matchers);
  try {
    const now = Date.now() / 1000;
    const [metrics, scrapes] = await Promise.all([
      client.metricNames(now - LOOK_BACK, now),
      client.query(`max(count_over_time(${heartbeat}[5m]))`, now),
    ]);
    if (!metrics.ok) throw new KernscaleError('PROMETHEUS_ANSWER', metrics.message);
    if (!scrapes.ok) throw new KernscaleError('PROMETHEUS_ANSWER', scrapes.message);
    const scraped = scrapes.samples[0]?.value;
    return {
      metrics: metrics.names,
      scrapeInterval: scraped === undefined ? undefined : Math.max(1, Math.round(300 / scraped)),
      refusals: await askToParse(client, expressions),
    };
  } finally {
    await client.close();
  }
}

/** A server without this part of the API, such as Thanos', says nothing. */
async function askToParse(
  client: PrometheusClient,
  expressions: Iterable<string>,
): Promise<Asked['refusals']> {
  const asked = [...expressions].map(async (expr) => [expr, await client.formatQuery(expr)] as const);
  const answers = await Promise.all(asked);
  return new Map(answers.flatMap(([expr, answer]) => (answer.ok ? [[expr, answer.refusal] as const] : [])));
}

/** Where the server's grammar and ours differ, the server's counts. */
export function checksBy(refusals: Asked['refusals']): { errors: CheckPromql; doubts: CheckPromql } {
  return {
    errors: (expr) => {
      const own = checkPromql(expr);
      if (!refusals.has(expr) || own?.isType) return own;
      const words = refusals.get(expr);
      return words === undefined ? undefined : refusal(expr, words, own?.offset);
    },
    doubts: (expr) => {
      const own = checkPromql(expr);
      const isAccepted = refusals.has(expr) && refusals.get(expr) === undefined;
      return isAccepted && !own?.isType ? own : undefined;
    },
  };
}

/** @param words such as `invalid parameter "query": 1:5: parse error: unknown function` */
function refusal(expr: string, words: string, offset: number | undefined) {
  const [, line = '1', column = '1', fault = words] = /(\d+):(\d+): parse error: (.*)$/s.exec(words) ?? [];
  const before = expr.split('\n').slice(0, Number(line) - 1);
  const theirs = before.reduce((sum, { length }) => sum + length + 1, Number(column) - 1);
  return { offset: offset ?? theirs, message: `Prometheus refuses it: ${fault}` };
}
