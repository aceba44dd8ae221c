import { Gauge, type Metric, type Registry } from 'prom-client';
import { nameOf } from '../core/format.js';
import type { DecisionRecord, DecisionRecords } from './record.js';

export const RULE_LABELS = ['group', 'scale', 'namespace', 'workload', 'workload_kind'] as const;

export function ruleLabels(record: DecisionRecord): Record<(typeof RULE_LABELS)[number], string> {
  const { group, scale, namespace, workload, workloadKind } = record;
  return { group, scale, namespace, workload, workload_kind: workloadKind };
}

/** What a gauge of a decision has a series for: its value, and its labels beside those of the rule. */
type Series<L extends string> = readonly [value: number, labels: Readonly<Record<L, string>>];

/** A gauge per workload that a rule scales; a figure that is not known has no series, never a zero. */
interface RuleGauge<L extends string> {
  readonly name: string;
  readonly help: string;
  readonly labels: readonly L[];
  readonly read: (record: DecisionRecord) => Series<L> | undefined;
}

/** Registers gauges of the last decision on each workload. */
export function registerRecords(registry: Registry, records: DecisionRecords): void {
  registerSchedules(registry, records);
  for (const { name, help, labels, read } of [...REPLICAS, ...DEMAND, ...HARM]) {
    const labelNames = [...RULE_LABELS, ...labels];
    passingGauge(registry, { name, help, labelNames }, () => seriesOf(records, read));
  }
}

function* seriesOf(records: DecisionRecords, read: RuleGauge<string>['read']): Iterable<PassingSeries> {
  for (const record of records.all()) {
    const [value, added] = read(record) ?? [];
    if (value !== undefined) yield { value, labels: { ...ruleLabels(record), ...added } };
  }
}

function registerSchedules(registry: Registry, records: DecisionRecords): void {
  const help = 'Always 1; the label schedule names a schedule of the rule that is in force.';
  gauge(registry, 'kernscale_rule_schedule', help, [...RULE_LABELS, 'schedule'], (g) => {
    for (const record of records.list()) {
      const labels = ruleLabels(record);
      for (const { name } of record.trace.schedules ?? []) g.set({ ...labels, schedule: name }, 1);
    }
  });
}

function number(
  name: string,
  help: string,
  read: (record: DecisionRecord) => number | undefined,
): RuleGauge<never> {
  return {
    name,
    help,
    labels: [],
    read: (record) => {
      const value = read(record);
      return value === undefined ? undefined : [value, {}];
    },
  };
}

/** A gauge that is always 1: its labels are what it tells. */
function info<L extends string>(
  name: string,
  help: string,
  labels: readonly L[],
  read: (record: DecisionRecord) => Readonly<Record<L, string>> | undefined,
): RuleGauge<L> {
  return {
    name,
    help: `Always 1; ${help}`,
    labels,
    read: (record) => {
      const values = read(record);
      return values && [1, values];
    },
  };
}

const REPLICAS: readonly RuleGauge<string>[] = [
  number('kernscale_rule_current_replicas', 'Value of spec.replicas before the decision.', (record) => {
    return record.currentReplicas;
  }),
  number(
    'kernscale_rule_desired_replicas',
    'Replicas decided, after every limit.',
    ({ replicas }) => replicas,
  ),
  number(
    'kernscale_rule_recommended_replicas',
    'Replicas that the load calls for, before any limit; the current ones while the workload is held.',
    ({ trace }) => trace.stages.raw,
  ),
  number('kernscale_rule_min_replicas', 'Lower limit of the rule.', ({ minReplicas }) => minReplicas),
  number('kernscale_rule_max_replicas', 'Upper limit of the rule.', ({ maxReplicas }) => maxReplicas),
  info(
    'kernscale_rule_class',
    'the label class names the resource that the workload is bound by.',
    ['class'],
    (record) => ({ class: record.class }),
  ),
  info(
    'kernscale_rule_yields',
    'the replicas are left to another: reason is otherAutoscaler, paused or otherWriter, by names who.',
    ['reason', 'by'],
    ({ trace: { yields } }) => yields && { reason: yields.to, by: yields.to === 'paused' ? '' : yields.by },
  ),
];

const DEMAND: readonly RuleGauge<string>[] = [
  number(
    'kernscale_rule_demand_cores',
    'CPU that the workload would use if it were short of none, where it is sized by the CPU.',
    ({ trace }) => (trace.sizing?.signal === 'cpu' ? trace.sizing.demand : undefined),
  ),
  number(
    'kernscale_rule_pod_target_cores',
    'CPU demand that one pod should carry, where the workload is sized by the CPU.',
    ({ trace }) => (trace.sizing?.signal === 'cpu' ? trace.sizing.targetPerPod : undefined),
  ),
  {
    name: 'kernscale_rule_signal_demand',
    help: 'Sum of the signal that the workload is sized by, in the unit of the signal, where that is not the CPU.',
    labels: ['signal'],
    read: ({ trace: { sizing } }) =>
      sizing && sizing.signal !== 'cpu' ? [sizing.demand, { signal: sizing.signal }] : undefined,
  },
  {
    name: 'kernscale_rule_signal_target',
    help: 'Target of that signal: per pod, or of the signal itself.',
    labels: ['signal'],
    read: ({ trace: { sizing } }) => {
      const target = sizing?.targetPerPod ?? sizing?.targetValue;
      if (!sizing || target === undefined || sizing.signal === 'cpu') return undefined;
      return [target, { signal: sizing.signal }];
    },
  },
  number(
    'kernscale_rule_demand_ratio',
    'Demand divided by target: above 1, the pods carry more than they should.',
    ({ trace }) => trace.sizing?.ratio,
  ),
  number(
    'kernscale_rule_demand_confidence',
    '1 if the estimate of the demand is certain, 0 if it orders at most one doubling and no shrinking.',
    ({ trace: { demand } }) => demand && (demand.confidence === 'high' ? 1 : 0),
  ),
  info(
    'kernscale_rule_demand_method',
    'the label method names how the demand is estimated: law, flow, clients, usage or step.',
    ['method'],
    ({ trace: { demand } }) => demand && { method: demand.method },
  ),
];

const HARM: readonly RuleGauge<string>[] = [
  number(
    'kernscale_rule_harmed',
    '1 if the workload is harmed (slow, piling up, given up on), else 0; only where its requests are measured.',
    ({ trace: { harm } }) => harm && (harm.harmed ? 1 : 0),
  ),
  info(
    'kernscale_rule_harm_cause',
    'the label cause names what harms the workload: cpu, disk, lock, other, queue, or the peer that it waits on.',
    ['cause'],
    ({ trace: { harm } }) => (harm?.harmed && harm.cause ? { cause: nameOf(harm.cause) } : undefined),
  ),
  number(
    'kernscale_rule_request_seconds',
    'Mean time of a request in the window that harm is judged by.',
    ({ trace: { harm } }) => harm?.latency?.now,
  ),
  number(
    'kernscale_rule_request_usual_seconds',
    'Usual time of a request, which harm is held against; no series until it is known.',
    ({ trace: { harm } }) => harm?.latency?.usual,
  ),
];

interface PassingSeries {
  readonly value: number;
  readonly labels: Readonly<Record<string, string>>;
}

/**
 * A gauge whose series are made one by one while a scrape is written. prom-client's own keeps them until the next scrape,
 * some 20 of each workload.
 */
export function passingGauge(
  registry: Registry,
  metric: { readonly name: string; readonly help: string; readonly labelNames: readonly string[] },
  series: () => Iterable<PassingSeries>,
): void {
  const gauge = { ...metric, type: 'gauge' };
  const get = () => Promise.resolve({ ...gauge, values: series() });
  registry.registerMetric({ ...gauge, get } as unknown as Metric);
}

/** A gauge that is read at every scrape. */
export function gauge<L extends string>(
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
