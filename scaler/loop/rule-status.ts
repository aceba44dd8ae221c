import { capitalize } from '../core/format.js';
import { ruleNameOf, type ScalingRule } from '../rules/scaling-rules.js';
import type { DecisionRecord } from './record.js';

/** A condition as Kubernetes has them: `metav1.Condition`. */
export interface RuleCondition {
  readonly type: 'AbleToScale' | 'ScalingActive' | 'ScalingLimited' | 'Harmed';
  readonly status: 'True' | 'False' | 'Unknown';
  readonly observedGeneration?: number;
  /** RFC 3339. */
  readonly lastTransitionTime: string;
  /** One CamelCase word. */
  readonly reason: string;
  readonly message: string;
}

/** Status of a ScalingRule. */
export interface RuleStatus {
  readonly observedGeneration?: number;
  readonly workloads: number;
  readonly currentReplicas?: number;
  readonly desiredReplicas?: number;
  readonly class?: string;
  readonly conditions: readonly RuleCondition[];
}

type State = Pick<RuleCondition, 'status' | 'reason' | 'message'>;
type States = Readonly<Record<RuleCondition['type'], State>>;

/** Constraints by which a size other than the needed one is decided. */
const LIMITS = new Set(['minReplicas', 'maxReplicas', 'scaleUpLimit', 'scaleDownLimit', 'stabilization']);
const INACTIVE = new Set(['noData', 'scalingDisabled']);

/**
 * @param errors of the rule; undefined without any
 * @param records last decisions on the workloads that the rule scales
 * @param previous its conditions before: a status that stays keeps its time
 * @param now seconds since the epoch
 */
export function statusOf(
  rule: ScalingRule,
  errors: readonly string[] | undefined,
  records: readonly DecisionRecord[],
  previous: RuleStatus | undefined,
  now: number,
): RuleStatus {
  const generation = rule.generation === undefined ? {} : { observedGeneration: rule.generation };
  const states = statesOf(errors, records);
  const conditions = Object.entries(states).map(([name, state]): RuleCondition => {
    const type = name as RuleCondition['type'];
    const before = previous?.conditions.find((condition) => condition.type === type);
    const isSame = before?.status === state.status;
    const lastTransitionTime = isSame ? before.lastTransitionTime : new Date(now * 1000).toISOString();
    return { type, ...generation, lastTransitionTime, ...state };
  });
  return { ...generation, workloads: records.length, ...sizesOf(records), conditions };
}

/** True if `kubectl get` or a condition would show something else; messages aside, which differ with every round. */
export function differs(a: RuleStatus | undefined, b: RuleStatus): boolean {
  return !a || JSON.stringify(withoutMessages(a)) !== JSON.stringify(withoutMessages(b));
}

function withoutMessages({ conditions, ...sizes }: RuleStatus): unknown {
  const states = conditions.map(({ type, status, reason, observedGeneration }) => [
    type,
    status,
    reason,
    observedGeneration,
  ]);
  return [
    sizes.observedGeneration,
    sizes.workloads,
    sizes.currentReplicas,
    sizes.desiredReplicas,
    sizes.class,
    states,
  ];
}

function sizesOf(
  records: readonly DecisionRecord[],
): Pick<RuleStatus, 'currentReplicas' | 'desiredReplicas' | 'class'> {
  const [first] = records;
  if (!first) return {};
  const sum = (of: (record: DecisionRecord) => number) => records.reduce((all, one) => all + of(one), 0);
  return {
    currentReplicas: sum(({ currentReplicas }) => currentReplicas),
    desiredReplicas: sum(({ replicas }) => replicas),
    class: (records.find(isHarmed) ?? first).class,
  };
}

function statesOf(errors: readonly string[] | undefined, records: readonly DecisionRecord[]): States {
  if (errors) return allAs({ status: 'False', reason: 'InvalidRule', message: errors.join('; ') });
  if (records.length === 0) {
    const message =
      'No workload is known that this rule scales: it does not exist, or another rule scales it';
    return allAs({ status: 'False', reason: 'NoWorkload', message });
  }
  return {
    AbleToScale: ableToScale(records),
    ScalingActive: scalingActive(records),
    ScalingLimited: scalingLimited(records),
    Harmed: harmed(records),
  };
}

function allAs(state: State): States {
  const unknown = { ...state, status: 'Unknown' } as const;
  return { AbleToScale: state, ScalingActive: state, ScalingLimited: unknown, Harmed: unknown };
}

function ableToScale(records: readonly DecisionRecord[]): State {
  const failed = records.find(({ outcome }) => outcome === 'failed');
  if (failed) return state('False', 'ScaleFailed', records, failed, failed.error?.message);
  const left = records.find(({ trace }) => trace.yields);
  if (left) return state('False', capitalize(left.trace.yields!.to), records, left);
  const shadow = records.find(({ dryRun }) => dryRun);
  if (shadow) return state('False', 'Shadow', records, shadow, 'The rule decides and changes nothing');
  return { status: 'True', reason: 'Ready', message: 'Replicas are changed as decided' };
}

function scalingActive(records: readonly DecisionRecord[]): State {
  const inactive = records.find(({ trace }) => INACTIVE.has(trace.bindingConstraint));
  if (inactive) return state('False', capitalize(inactive.trace.bindingConstraint), records, inactive);
  return state('True', 'Decided', records, records[0]!);
}

function scalingLimited(records: readonly DecisionRecord[]): State {
  const limited = records.find(({ trace }) => LIMITS.has(trace.bindingConstraint));
  if (limited) return state('True', capitalize(limited.trace.bindingConstraint), records, limited);
  return {
    status: 'False',
    reason: 'WithinLimits',
    message: 'No limit of the rule keeps it from the size needed',
  };
}

function harmed(records: readonly DecisionRecord[]): State {
  const victim = records.find(isHarmed);
  if (victim) return state('True', capitalize(victim.class), records, victim);
  if (records.every(({ trace }) => !trace.harm)) {
    return { status: 'Unknown', reason: 'NotMeasured', message: 'No requests are measured' };
  }
  return { status: 'False', reason: 'AsUsual', message: 'Requests are answered as usual' };
}

function state(
  status: State['status'],
  reason: string,
  records: readonly DecisionRecord[],
  record: DecisionRecord,
  text = record.reason,
): State {
  const message = records.length === 1 ? text : `${record.namespace}/${record.workload}: ${text}`;
  return { status, reason: /^[A-Za-z][A-Za-z0-9_]*$/.test(reason) ? reason : 'Other', message };
}

function isHarmed({ trace }: DecisionRecord): boolean {
  return trace.harm?.harmed === true;
}

/** The records by the rule that decided. */
export function recordsByRule(
  records: readonly DecisionRecord[],
  rules: readonly ScalingRule[],
  group: string,
): ReadonlyMap<string, readonly DecisionRecord[]> {
  const byRule = new Map<string, DecisionRecord[]>(rules.map((rule) => [ruleNameOf(rule), []]));
  for (const record of records) if (record.group === group) byRule.get(record.scale)?.push(record);
  return byRule;
}
