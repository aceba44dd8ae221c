/** One workload at one moment of a run. */
export interface Observation {
  /** Seconds since the first observation of the run. */
  readonly second: number;
  readonly workload: string;
  /** `spec.replicas` in the cluster. */
  readonly replicas: number;
  /** The scaler's last decision; undefined before the first. */
  readonly decision: ObservedDecision | undefined;
}

export interface ObservedDecision {
  readonly class: string;
  readonly action: string;
  readonly reason: string;
  /** Names of the workloads on the dependency walk, the waiter first; empty without a walk. */
  readonly path: readonly string[];
}

export interface ScenarioResult {
  readonly workload: string;
  readonly expected: string;
  readonly actual: string;
  readonly ok: boolean;
  /** Seconds into the run at which the expected was first observed; the length of the run if it was not. */
  readonly seconds: number;
}

/** The replicas that `cpu` needs, known from the rate of the load generators and the cost of a request. */
export interface CpuTruth {
  readonly alone: number;
  readonly withChain: number;
  /** Seconds into the run at which the load of `chain` began. */
  readonly chainFrom: number;
}

interface Outcome {
  expected: string;
  actual: string;
  ok: boolean;
  since?: number;
}

/** Compares each workload of a run with the scaling decision that is known to be correct for it. */
export function checkScenarios(observations: readonly Observation[], truth: CpuTruth): ScenarioResult[] {
  const of = (workload: string) => observations.filter((observation) => observation.workload === workload);
  const outcomes: Record<string, Outcome> = {
    cpu: checkCpu(of('cpu'), truth),
    disk: checkHeld(of('disk'), 'disk'),
    chain: checkChain(of('chain'), of('cpu'), truth.chainFrom),
    lock: checkHeld(of('lock'), 'lock'),
    idle: checkIdle(of('idle')),
  };
  const length = observations.at(-1)?.second ?? 0;
  return Object.entries(outcomes).map(([workload, { since, ...outcome }]) => ({
    workload,
    ...outcome,
    seconds: outcome.ok ? (since ?? length) : length,
  }));
}

/**
 * Demand counts waiting for a CPU, and on a busy machine every thread waits: up to half as many replicas more than
 * the work alone needs are correct; fewer, or a wild overshoot, are not.
 */
function checkCpu(seen: readonly Observation[], { alone, withChain, chainFrom }: CpuTruth): Outcome {
  const before = seen.filter(({ second }) => second < chainFrom);
  const most = (needed: number) => Math.ceil(needed * 1.5);
  const enough = (replicas: number, needed: number) => replicas >= needed && replicas <= most(needed);
  const final = seen.at(-1)?.replicas ?? 0;
  return {
    expected: `${alone} to ${most(alone)} replicas under its own load, ${withChain} to ${most(withChain)} with the load of chain`,
    actual: history(seen),
    ok: enough(before.at(-1)?.replicas ?? 0, alone) && enough(final, withChain),
    ...since(seen, ({ second, replicas }) => second >= chainFrom && replicas === final),
  };
}

/** On a busy machine the class may flicker: it must be right in most rounds from the first in which it was. */
function checkHeld(seen: readonly Observation[], expected: string): Outcome {
  const holds = ({ decision }: Observation) => decision?.class === expected && decision.action === 'hold';
  const found = seen.slice(seen.findIndex(holds));
  const share = found.filter(holds).length / Math.max(1, found.length);
  return {
    expected: `held, class ${expected}`,
    actual: `${history(seen)}, class ${expected} in ${Math.round(share * 100)} % of the rounds since it was first found`,
    ok: isUnchanged(seen) && share > 0.5,
    ...since(seen, holds),
  };
}

/** The waiter keeps its replicas while the walk leads to its callee and the callee grows. */
function checkChain(seen: readonly Observation[], callee: readonly Observation[], loadFrom: number): Outcome {
  const follows = ({ decision }: Observation) =>
    decision?.class === 'dependency' && decision.path.at(-1) === 'cpu';
  const before = callee.findLast(({ second }) => second < loadFrom)?.replicas ?? Infinity;
  const grew = (callee.at(-1)?.replicas ?? 0) > before;
  const found = seen.some(follows);
  return {
    expected: 'held while cpu, which it waits for, grows',
    actual: `${history(seen)}, cpu ${found ? 'found' : 'not found'} as the bottleneck, cpu ${grew ? 'grew' : 'did not grow'}`,
    ok: isUnchanged(seen) && grew && found,
    ...since(seen, follows),
  };
}

function checkIdle(seen: readonly Observation[]): Outcome {
  const first = seen[0]?.replicas ?? 0;
  const last = seen.at(-1)?.replicas ?? 0;
  return {
    expected: 'scaled down to 1 replica',
    actual: history(seen),
    ok: first > 1 && last === 1,
    ...since(seen, ({ replicas }) => replicas === 1),
  };
}

function isUnchanged(seen: readonly Observation[]): boolean {
  return new Set(seen.map(({ replicas }) => replicas)).size === 1;
}

function since(seen: readonly Observation[], is: (seen: Observation) => boolean): { since?: number } {
  const first = seen.find(is);
  return first ? { since: first.second } : {};
}

/** `replicas 1 → 2 (12 s) → 4 (51 s)` */
function history(seen: readonly Observation[]): string {
  const changes = seen.filter(({ replicas }, index) => replicas !== seen[index - 1]?.replicas);
  const steps = changes.map(({ replicas, second }, index) =>
    index === 0 ? `${replicas}` : `${replicas} (${second} s)`,
  );
  return steps.length === 0 ? 'nothing' : `replicas ${steps.join(' → ')}`;
}
