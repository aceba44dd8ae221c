import type { RuleGroup } from '../rules/types.js';
import { explained } from '../core/decide-round.js';
import type { Decision, ExplainedDecision } from '../core/decision.js';
import { DEFAULT_DOWN_WINDOW } from '../core/stabilize.js';
import type { RuleSettings, WorkloadKey } from '../core/types.js';
import type { Assignment } from '../loop/assignments.js';
import { fetchPast, type PastOptions } from './backtest.js';
import { Replay } from './replay.js';

/** Seconds before the earliest remembered moment, for rates and the assumptions of the first round. */
const RUN_UP = 60;

interface PastDecisions {
  /** Workloads that a rule names, or matches and Prometheus has data for. */
  readonly workloads: readonly WorkloadKey[];
  /** Decisions on the workloads whose replicas are known. */
  readonly decisions: ReadonlyMap<
    WorkloadKey,
    { readonly assignment: Assignment; readonly decision: ExplainedDecision }
  >;
}

/**
 * Decides at one moment of the past, from Prometheus alone. Rounds begin long enough before it to fill every window and
 * timer of the rules, and each starts from the actual replicas.
 *
 * @param at seconds since the epoch
 * @param interval between two rounds, seconds
 * @throws KernscaleError `PROMETHEUS_ANSWER`
 */
export async function decideAt(
  options: Omit<PastOptions, 'grid'>,
  at: number,
  interval: number,
): Promise<PastDecisions> {
  const count = Math.ceil(memoryOf(options.groups) / interval) + 1;
  const grid = { from: at - (count - 1) * interval, step: interval, count };
  const last = new Map<WorkloadKey, { assignment: Assignment; decision: Decision }>();
  const replay = new Replay(
    options.groups,
    count,
    () => true,
    (assignment, decision) => {
      last.set(assignment.key, { assignment, decision });
    },
  );
  for await (const chunk of fetchPast({ ...options, grid })) replay.run(chunk);
  const decisions = [...last].map(([key, { assignment, decision }]) => {
    return [key, { assignment, decision: explained(assignment.rule, decision) }] as const;
  });
  return { workloads: replay.workloads(), decisions: new Map(decisions) };
}

/** Longest time that the rules look back, seconds. */
function memoryOf(groups: readonly RuleGroup[]): number {
  const rules = groups.flatMap((group) => group.rules as readonly RuleSettings[]);
  return RUN_UP + Math.max(0, ...rules.map(memoryOfRule));
}

function memoryOfRule({ behavior, decide }: RuleSettings): number {
  const limits = behavior ? [behavior.scaleUp, behavior.scaleDown] : [];
  return Math.max(
    DEFAULT_DOWN_WINDOW,
    ...limits.map((rules) => rules.stabilizationWindowSeconds),
    ...limits.flatMap((rules) => rules.policies.map(({ periodSeconds }) => periodSeconds)),
    ...decide.map((step) => step.for + step.keepFor),
  );
}
