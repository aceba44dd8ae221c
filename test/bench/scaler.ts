/**
 * Measures a round of a thousand workloads with a real Prometheus, next to an autoscaler that queries each workload
 * separately, as HPA's custom metrics and KEDA do: `npm run bench:scaler [-- --json]`.
 *
 * Ours queries, decides on all workloads and walks their dependencies. Both peers only query, workload by workload: one
 * the same signals, the other CPU demand alone, which shows no causes. All use the same client with eight concurrent
 * queries, and take turns; medians are compared.
 */
import assert from 'node:assert/strict';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { runMain } from '../../common/main.js';
import { flag } from '../../common/flags.js';
import type { Pod } from '../../scaler/core/types.js';
import { assign } from '../../scaler/loop/assignments.js';
import { freshnessQueries } from '../../scaler/promql/freshness.js';
import { Histories } from '../../scaler/loop/histories.js';
import { DecisionRecords, toRecord } from '../../scaler/loop/record.js';
import { runRound, type RoundSources } from '../../scaler/loop/round.js';
import { queriedSignals } from '../../scaler/loop/signals.js';
import { PrometheusClient } from '../../scaler/promql/client.js';
import { parseRules } from '../../scaler/rules/load.js';
import type { RuleGroup } from '../../scaler/rules/types.js';
import { PastPrometheus, type PastSeries } from '../prometheus/prometheus.js';
import { benchFlags, positive } from './flags.js';
import { workloadPast } from './busy-workload.js';

/** Size of the fleet; set by a flag before its first use. */
let workloadCount = 1000;
const PODS = 2;
const PEERS = 3;
const ROUNDS = 5;
const WARM_UP = 1;
/** Begins a block of Prometheus', so that one is enough. */
const START = 1_700_006_400;
const NOW = START + 180;
const SCRAPE_INTERVAL = 15;
const RULES = `groups:
  - name: fleet
    rules:
      - {scale: all, match: {kind: Deployment}, maxReplicas: 20}
`;

const nameOf = (index: number): string => `service-${String(index % workloadCount).padStart(4, '0')}`;
const podsOf = (name: string): string[] => Array.from({ length: PODS }, (_, pod) => `${name}-${pod}`);
const addressOf = (index: number): string => `10.0.${(index % workloadCount) >> 8}.${index & 255}:80`;

function past(): PastSeries[] {
  return Array.from({ length: workloadCount }, (_, index) => {
    const peers = Array.from({ length: PEERS }, (_, peer) => addressOf(index * 7 + 1 + peer));
    return workloadPast(nameOf(index), podsOf(nameOf(index)), peers, START);
  }).flat();
}

/** A cluster as the scaler's watches would show it. */
function cluster(): RoundSources['cluster'] {
  const names = Array.from({ length: workloadCount }, (_, index) => nameOf(index));
  const kind = 'Deployment';
  const refOf = (name: string) => ({ apiVersion: 'apps/v1', kind, namespace: 'shop', name });
  const workloads = names.map((name) => ({ ref: refOf(name), uid: name, labels: {}, replicas: PODS }));
  const endpoints = new Map(names.map((name, i) => [addressOf(i), { workloads: [refOf(name)] }]));
  const running: Omit<Pod, 'name'> = {
    phase: 'Running',
    ready: 'True',
    startedAt: START - 3600,
    readySince: START - 3590,
    deleted: false,
    containers: [{ name: 'main', request: 0.5 }],
  };
  const pods = new Map(
    names.map((name) => [`shop/${kind}/${name}`, podsOf(name).map((pod) => ({ ...running, name: pod }))]),
  );
  return {
    synced: true,
    workloads: () => workloads,
    topology: () => ({ resolve: (peer) => endpoints.get(peer) }),
    pods: () => pods,
  };
}

interface Cost {
  readonly queries: number;
  readonly ms: number;
  /** Of this process. */
  readonly cpuMs: number;
  readonly prometheusCpuMs: number;
}

const FIELDS: Record<keyof Cost, string> = {
  queries: 'queries',
  ms: 'time, ms',
  cpuMs: 'CPU time of the scaler, ms',
  prometheusCpuMs: 'CPU time of Prometheus, ms',
};
const PEER_NAMES = { same: 'the same, one by one', cpu: 'CPU demand alone, one by one' };
type Contender = 'ours' | keyof typeof PEER_NAMES;

class Bench {
  readonly #client: PrometheusClient;
  readonly #sources: RoundSources;
  readonly #group: RuleGroup;
  #queries = 0;

  constructor(private readonly url: string) {
    const onQuery = (outcome: string): void => {
      assert.equal(outcome, 'success');
      this.#queries++;
    };
    this.#client = new PrometheusClient({ url, timeout: 60, onQuery });
    const [group] = parseRules('rules.yaml', RULES).groups;
    this.#group = group!;
    this.#sources = {
      query: (expr, time) => this.#client.query(expr, time),
      cluster: cluster(),
      scales: { get: () => Promise.reject(new Error('every workload is watched')) },
      histories: new Histories(),
      records: new DecisionRecords(),
      clock: () => NOW,
      queryOffset: 0,
    };
  }

  ours(): Promise<Cost> {
    return this.#cost(async () => {
      const { cluster, histories, records } = this.#sources;
      const assignments = assign([this.#group], cluster.workloads());
      const { decisions, problems } = await runRound(this.#group, assignments, this.#sources);
      assert.deepEqual(problems, []);
      assert.equal(decisions.length, workloadCount);
      for (const { assignment: assigned, decision } of decisions) {
        assert.equal(decision.trace.demand?.method, 'law');
        histories.set(assigned.key, assigned.rule, decision.historyIfNotApplied);
        records.put(toRecord(assigned, decision, { outcome: 'dry_run' }));
      }
    });
  }

  /** Queries each workload separately. */
  peer(signals: 'all' | 'cpu'): Promise<Cost> {
    const { signals: sums, podSignals, windows } = this.#group;
    const parts = [queriedSignals(sums), podSignals, windows.recent.parts, windows.settled.parts];
    const needed = signals === 'cpu' ? [sums['cpu']!] : parts.flatMap((queries) => Object.values(queries));
    const expressions = needed.map(({ expr }) => expr);
    if (signals === 'all') expressions.push(...freshnessQueries(expressions[0]!));
    return this.#cost(async () => {
      const queries = Array.from({ length: workloadCount }, (_, index) =>
        expressions.map((expr) => this.#client.query(only(nameOf(index), expr), NOW)),
      );
      const results = await Promise.all(queries.flat());
      assert(results.every((result) => result.ok && result.samples.length > 0));
    });
  }

  close(): Promise<void> {
    return this.#client.close();
  }

  async #cost(work: () => Promise<void>): Promise<Cost> {
    this.#queries = 0;
    const prometheusBefore = await this.#prometheusCpuMs();
    const before = process.cpuUsage();
    const started = performance.now();
    await work();
    const ms = performance.now() - started;
    const { user, system } = process.cpuUsage(before);
    const prometheusCpuMs = (await this.#prometheusCpuMs()) - prometheusBefore;
    return { queries: this.#queries, ms, cpuMs: (user + system) / 1000, prometheusCpuMs };
  }

  async #prometheusCpuMs(): Promise<number> {
    const text = await (await fetch(`${this.url}/metrics`)).text();
    return 1000 * Number(/^process_cpu_seconds_total (\S+)$/m.exec(text)?.[1]);
  }
}

/** An expression for one workload. */
function only(name: string, expr: string): string {
  const labels = `namespace="shop",workload="${name}",workload_kind="Deployment"`;
  return expr.replaceAll(/(kernscale_\w+)(\{?)/g, (_, metric: string, brace: string) => {
    return `${metric}{${labels}${brace === '' ? '}' : ','}`;
  });
}

function heapMegabytes(): number {
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
  return process.memoryUsage().heapUsed / 1e6;
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!;
}

async function main(argv: readonly string[]): Promise<number> {
  const description = `Measures a round of a thousand workloads, next to one query per workload.`;
  const options = benchFlags<{ workloads: number; alone?: boolean }>('scaler', description, argv, [
    flag('--workloads <n>', 'Workloads of the fleet', workloadCount, positive),
    flag('--alone', 'Leave out the peers, which take long for a large fleet'),
  ]);
  if (!options) return 0;
  const { json, alone } = options;
  workloadCount = options.workloads;
  const prometheus = new PastPrometheus();
  try {
    const say = json ? () => undefined : console.error;
    say(`writing the past of ${workloadCount} workloads with ${PODS} pods each …`);
    const range = { from: START, to: NOW + 1, scrapeInterval: SCRAPE_INTERVAL };
    await prometheus.start({ ...range, series: past() });
    const bench = new Bench(prometheus.url);
    const before = heapMegabytes();
    const costs: Partial<Record<Contender, Cost>>[] = [];
    for (let round = 0; round < WARM_UP + ROUNDS; round++) {
      say(`round ${round + 1} of ${WARM_UP + ROUNDS} …`);
      const ours = await bench.ours();
      costs.push(alone ? { ours } : { ours, same: await bench.peer('all'), cpu: await bench.peer('cpu') });
    }
    const kept = heapMegabytes() - before;
    const resident = Math.round(process.memoryUsage().rss / 1e6);
    await bench.close();
    const of = (contender: Contender, field: keyof Cost): number =>
      Math.round(median(costs.slice(WARM_UP).map((cost) => cost[contender]![field])));
    const fields = Object.entries(FIELDS) as [keyof Cost, string][];
    const rows = alone
      ? fields.map(([field, what]) => ({ what, ours: of('ours', field) }))
      : (['same', 'cpu'] as const).flatMap((name) =>
          fields.map(([field, what]) => {
            const [ours, peer] = [of('ours', field), of(name, field)];
            return { what, ours, peer, peerName: PEER_NAMES[name], ratio: +(peer / ours).toPrecision(3) };
          }),
        );
    if (json) {
      console.log(
        JSON.stringify({
          name: 'scaler',
          workloads: workloadCount,
          rows,
          keptMegabytes: +kept.toFixed(1),
          residentMegabytes: resident,
        }),
      );
    } else {
      console.table(rows);
      console.log(`heap for records and histories of ${workloadCount} workloads: ${kept.toFixed(1)} MB`);
      console.log(`resident memory of this process, which runs the scaler's rounds: ${resident} MB`);
    }
    return 0;
  } finally {
    await prometheus.stop();
  }
}

await runMain('bench:scaler', main);
