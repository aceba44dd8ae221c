import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import { collectProcessMetrics, registerBuildInfo } from '../../common/process-metrics.js';
import type { Topology } from '../kubernetes/topology.js';
import type { DecisionRecord, DecisionRecords } from './record.js';
import { RULE_LABELS, gauge, passingGauge, registerRecords, ruleLabels } from './rule-metrics.js';

const ENDPOINT_LABELS = ['address', 'namespace', 'workload', 'workload_kind'] as const;
const ROUND_SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];
/** prom-client's default. */
const EVENT_LOOP_LAG_MS = 10;
const QUERY_SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/** Counters and histograms of the scaler's own work. */
export class ScalerMetrics {
  readonly registry = new Registry();
  readonly #evaluations = this.#counter('kernscale_rule_evaluations_total', 'Decisions made.', RULE_LABELS);
  readonly #holds = this.#counter(
    'kernscale_rule_holds_total',
    'Decisions in which a constraint kept the replicas as they were.',
    [...RULE_LABELS, 'reason'],
  );
  readonly #lastSuccess = this.#gauge(
    'kernscale_rule_last_success_timestamp_seconds',
    'Time of the last decision that had all the data its rule needs.',
    RULE_LABELS,
  );
  readonly #scales = this.#counter('kernscale_scale_total', 'Decisions to change replicas.', [
    'direction',
    'outcome',
  ]);
  readonly #rounds = this.#histogram(
    'kernscale_rule_group_duration_seconds',
    'Duration of one round of a group: queries, decisions and scaling.',
    ROUND_SECONDS,
    ['group'],
  );
  readonly #missedRounds = this.#counter(
    'kernscale_rule_group_missed_rounds_total',
    'Rounds skipped because the previous one was still running.',
    ['group'],
  );
  readonly #failedRounds = this.#counter(
    'kernscale_rule_group_failed_rounds_total',
    'Rounds that ended with an error.',
    ['group'],
  );
  readonly #lastRound = this.#gauge(
    'kernscale_rule_group_last_success_timestamp_seconds',
    'Time at which the last round without an error ended.',
    ['group'],
  );
  readonly #queries = this.#counter(
    'kernscale_promql_queries_total',
    'Queries by outcome; every outcome but success is a missing value, never a zero.',
    ['outcome'],
  );
  readonly #querySeconds = this.#histogram(
    'kernscale_promql_query_duration_seconds',
    'Duration of one query.',
    QUERY_SECONDS,
    [],
  );
  readonly #reloadSuccess = this.#gauge(
    'kernscale_config_last_reload_successful',
    '1 if the rule files were valid when last read, else 0: the previous rules stay in use.',
    [],
  );
  readonly #reloadTime = this.#gauge(
    'kernscale_config_last_reload_success_timestamp_seconds',
    'Time at which valid rule files were last read.',
    [],
  );
  readonly #holdReasons = new Set<string>();

  constructor() {
    collectProcessMetrics(this.registry, EVENT_LOOP_LAG_MS);
  }

  decided(record: DecisionRecord): void {
    const labels = ruleLabels(record);
    const { bindingConstraint, inputs } = record.trace;
    this.#evaluations.inc(labels);
    if (record.replicas !== record.currentReplicas) {
      const direction = record.replicas > record.currentReplicas ? 'up' : 'down';
      this.#scales.inc({ direction, outcome: record.outcome });
    } else if (bindingConstraint !== 'none') {
      this.#holdReasons.add(bindingConstraint);
      this.#holds.inc({ ...labels, reason: bindingConstraint });
    }
    if (inputs.every(({ absent }) => absent === undefined)) this.#lastSuccess.set(labels, record.at);
  }

  /** Drops the series of a workload that no rule scales any more. */
  forget(record: DecisionRecord): void {
    const labels = ruleLabels(record);
    this.#evaluations.remove(labels);
    this.#lastSuccess.remove(labels);
    for (const reason of this.#holdReasons) this.#holds.remove({ ...labels, reason });
  }

  roundEnded(group: string, seconds: number): void {
    this.#rounds.observe({ group }, seconds);
    // A counter that begins with its first event hides that event from every rate.
    for (const counter of [this.#missedRounds, this.#failedRounds]) counter.inc({ group }, 0);
  }

  roundMissed(group: string): void {
    this.#missedRounds.inc({ group });
  }

  roundFailed(group: string): void {
    this.#failedRounds.inc({ group });
  }

  /** @param at seconds since the epoch */
  roundSucceeded(group: string, at: number): void {
    this.#lastRound.set({ group }, at);
  }

  queried(outcome: string, seconds: number): void {
    this.#queries.inc({ outcome });
    this.#querySeconds.observe(seconds);
  }

  reloaded(success: boolean, at: number): void {
    this.#reloadSuccess.set(success ? 1 : 0);
    if (success) this.#reloadTime.set(at);
  }

  #counter<L extends string>(name: string, help: string, labelNames: readonly L[]): Counter<L> {
    return new Counter({ name, help, labelNames, registers: [this.registry] });
  }

  #gauge<L extends string>(name: string, help: string, labelNames: readonly L[]): Gauge<L> {
    return new Gauge({ name, help, labelNames, registers: [this.registry] });
  }

  #histogram<L extends string>(
    name: string,
    help: string,
    buckets: number[],
    labelNames: readonly L[],
  ): Histogram<L> {
    return new Histogram({ name, help, buckets, labelNames, registers: [this.registry] });
  }
}

export interface StateSources {
  readonly records: DecisionRecords;
  readonly topology: () => Topology;
  readonly watchRestarts: () => number;
  readonly leads: () => boolean;
  /** Seconds; undefined while it is not known. */
  readonly clockSkew: () => number | undefined;
  readonly problems: () => readonly string[];
  readonly version: string;
}

function* endpointsOf(topology: Topology) {
  for (const [address, { workloads }] of topology.endpoints()) {
    const [workload, second] = workloads;
    // Queries join peers to names on the address, so there must not be two series for one.
    if (!workload || second) continue;
    const { namespace, name, kind } = workload;
    yield { value: 1, labels: { address, namespace, workload: name, workload_kind: kind } };
  }
}

/** Registers gauges that are read from live state at every scrape, so that stale series are never exported. */
export function registerState(registry: Registry, sources: StateSources): void {
  registerRecords(registry, sources.records);
  const endpointInfo = {
    name: 'kernscale_endpoint_info',
    help: 'Workload behind an address.',
    labelNames: ENDPOINT_LABELS,
  };
  passingGauge(registry, endpointInfo, () => endpointsOf(sources.topology()));
  gauge(
    registry,
    'kernscale_leader',
    '1 if this process is the leader and scales, 0 if it stands by.',
    [],
    (g) => {
      g.set(sources.leads() ? 1 : 0);
    },
  );
  gauge(
    registry,
    'kernscale_prometheus_clock_skew_seconds',
    "Seconds by which the clock of the scaler's machine is ahead of Prometheus'; no series until Prometheus answers.",
    [],
    (g) => {
      const skew = sources.clockSkew();
      if (skew !== undefined) g.set(skew);
    },
  );
  gauge(registry, 'kernscale_problems', 'Problems that the page and the API name.', [], (g) => {
    g.set(sources.problems().length);
  });
  registerBuildInfo(registry, 'kernscale-scaler', sources.version);
  new Counter({
    name: 'kernscale_watch_restarts_total',
    help: 'Watch requests to the Kubernetes API that ended and were restarted.',
    registers: [registry],
    collect() {
      this.reset();
      this.inc(sources.watchRestarts());
    },
  });
}
