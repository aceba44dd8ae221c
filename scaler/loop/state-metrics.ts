import { Counter, Gauge, type Registry } from 'prom-client';
import { registerBuildInfo } from '../../common/process-metrics.js';
import type { Topology } from '../kubernetes/topology.js';
import { RULE_LABELS, ruleLabels } from './metrics.js';
import type { DecisionRecord, DecisionRecords } from './records.js';

const ENDPOINT_LABELS = ['address', 'namespace', 'workload', 'workload_kind'] as const;

export interface StateSources {
  readonly records: DecisionRecords;
  readonly topology: () => Topology;
  readonly watchRestarts: () => number;
  readonly leads: () => boolean;
  readonly version: string;
}

/** Registers gauges that are read from live state at every scrape, so that nothing gone is ever served. */
export function registerState(registry: Registry, sources: StateSources): void {
  registerRecords(registry, sources.records);
  gauge(
    registry,
    'kernscale_endpoint_info',
    'Which workload answers at an address.',
    ENDPOINT_LABELS,
    (g) => {
      for (const [address, { workloads }] of sources.topology().endpoints()) {
        const [workload, second] = workloads;
        // Queries join peers to names on the address, so there must not be two series for one.
        if (!workload || second) continue;
        const { namespace, name, kind } = workload;
        g.set({ address, namespace, workload: name, workload_kind: kind }, 1);
      }
    },
  );
  gauge(registry, 'kernscale_leader', 'Whether this process scales (1) or stands by (0).', [], (g) => {
    g.set(sources.leads() ? 1 : 0);
  });
  registerBuildInfo(registry, 'kernscale-scaler', sources.version);
  new Counter({
    name: 'kernscale_watch_restarts_total',
    help: 'Watch requests to the Kubernetes API that ended and were made again.',
    registers: [registry],
    collect() {
      this.reset();
      this.inc(sources.watchRestarts());
    },
  });
}

function registerRecords(registry: Registry, records: DecisionRecords): void {
  const perRule = (name: string, help: string, value: (record: DecisionRecord) => number): void => {
    gauge(registry, name, help, RULE_LABELS, (g) => {
      for (const record of records.list()) g.set(ruleLabels(record), value(record));
    });
  };
  perRule(
    'kernscale_rule_current_replicas',
    'Replicas that were asked for before the decision.',
    (record) => {
      return record.currentReplicas;
    },
  );
  perRule('kernscale_rule_desired_replicas', 'Replicas decided, every limit applied.', (record) => {
    return record.replicas;
  });
  perRule(
    'kernscale_rule_recommended_replicas',
    'Replicas that the load calls for, before any limit; the present ones while something holds them.',
    (record) => {
      return record.trace.stages.raw;
    },
  );
  perRule('kernscale_rule_min_replicas', 'Lower limit of the rule.', (record) => record.minReplicas);
  perRule('kernscale_rule_max_replicas', 'Upper limit of the rule.', (record) => record.maxReplicas);
  gauge(
    registry,
    'kernscale_rule_class',
    'Class of the workload: the label class names what it is bound by.',
    [...RULE_LABELS, 'class'],
    (g) => {
      for (const record of records.list()) g.set({ ...ruleLabels(record), class: record.class }, 1);
    },
  );
}

function gauge<L extends string>(
  registry: Registry,
  name: string,
  help: string,
  labelNames: readonly L[],
  read: (gauge: Gauge<L>) => void,
): void {
  new Gauge({
    name,
    help,
    labelNames,
    registers: [registry],
    collect() {
      this.reset();
      read(this);
    },
  });
}
