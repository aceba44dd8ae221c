/** What was seen of one workload at one moment of a run. */
export interface Observation {
  /** Seconds since the first observation of the run. */
  readonly second: number;
  readonly workload: string;
  /** `spec.replicas` in the cluster. */
  readonly replicas: number;
  /** The scaler's last decision on it; undefined before the first. */
  readonly decision: ObservedDecision | undefined;
}

export interface ObservedDecision {
  readonly bound: string;
  readonly action: string;
  readonly reason: string;
  /** Names of the workloads the dependency walk went through, the waiter first; empty without a walk. */
  readonly path: readonly string[];
}

export interface Verdict {
  readonly workload: string;
  readonly expected: string;
  readonly actual: string;
  readonly ok: boolean;
  /** When what was expected was first seen, seconds into the run; for a failed one, the run's length. */
  readonly seconds: number;
}

/** The replicas that `cpu` needs, known from what the load generators send and what a request costs. */
export interface CpuTruth {
  readonly alone: number;
  readonly withChain: number;
  /** When the load of `chain` began, seconds into the run. */
  readonly chainFrom: number;
}

type Judge = (seen: readonly Observation[]) => {
  expected: string;
  actual: string;
  ok: boolean;
  since?: number;
};

/** Judges each workload of a run by what is known to be true of it. */
export function judge(observations: readonly Observation[], truth: CpuTruth): Verdict[] {
  const judges: Record<string, Judge> = {
    cpu: (seen) => judgeCpu(seen, truth),
    disk: (seen) => judgeHeld(seen, 'disk'),
    chain: (seen) => judgeChain(seen, of(observations, 'cpu'), truth.chainFrom),
    lock: (seen) => judgeHeld(seen, 'lock'),
    idle: judgeIdle,
  };
  const length = observations.at(-1)?.second ?? 0;
  return Object.entries(judges).map(([workload, verdict]) => {
    const { since, ...rest } = verdict(of(observations, workload));
    return { workload, ...rest, seconds: rest.ok ? (since ?? length) : length };
  });
}

function of(observations: readonly Observation[], workload: string): Observation[] {
  return observations.filter((observation) => observation.workload === workload);
}

/**
 * Demand counts waiting for a CPU, and on a busy machine everybody waits: up to half as many replicas more than
 * the work alone needs are right; fewer, or a wild overshoot, are wrong.
 */
function judgeCpu(
  seen: readonly Observation[],
  { alone, withChain, chainFrom }: CpuTruth,
): ReturnType<Judge> {
  const before = seen.filter(({ second }) => second < chainFrom);
  const most = (needed: number) => Math.ceil(needed * 1.5);
  const enough = (replicas: number, needed: number) => replicas >= needed && replicas <= most(needed);
  const final = seen.at(-1)?.replicas ?? 0;
  return {
    expected: `scaled to ${alone} to ${most(alone)} by its own load, to ${withChain} to ${most(withChain)} with the load of chain`,
    actual: `replicas ${history(seen)}`,
    ok: enough(before.at(-1)?.replicas ?? 0, alone) && enough(final, withChain),
    ...since(seen, ({ second, replicas }) => second >= chainFrom && replicas === final),
  };
}

/** The class may flicker on a busy machine; what counts is that it is the rule once it has been found. */
function judgeHeld(seen: readonly Observation[], bound: string): ReturnType<Judge> {
  const holds = ({ decision }: Observation) => decision?.bound === bound && decision.action === 'hold';
  const unchanged = new Set(seen.map(({ replicas }) => replicas)).size === 1;
  const found = seen.slice(seen.findIndex(holds));
  const part = found.filter(holds).length / Math.max(1, found.length);
  return {
    expected: `held, bound by ${bound}`,
    actual: `replicas ${history(seen)}, bound by ${bound} in ${Math.round(part * 100)} % of the rounds since it was found`,
    ok: unchanged && part > 0.5,
    ...since(seen, holds),
  };
}

/** The waiter must stay as it is while the walk names its callee and the callee grows. */
function judgeChain(
  seen: readonly Observation[],
  callee: readonly Observation[],
  loadFrom: number,
): ReturnType<Judge> {
  const follows = ({ decision }: Observation) =>
    decision?.bound === 'dependency' && decision.path.at(-1) === 'cpu';
  const unchanged = new Set(seen.map(({ replicas }) => replicas)).size === 1;
  const before = callee.findLast(({ second }) => second < loadFrom)?.replicas ?? Infinity;
  const grew = (callee.at(-1)?.replicas ?? 0) > before;
  return {
    expected: 'not scaled while its callee cpu was',
    actual: `replicas ${history(seen)}, ${seen.some(follows) ? 'followed to cpu' : 'not followed to cpu'}, cpu ${grew ? 'grew' : 'did not grow'}`,
    ok: unchanged && grew && seen.some(follows),
    ...since(seen, follows),
  };
}

function judgeIdle(seen: readonly Observation[]): ReturnType<Judge> {
  const first = seen[0]?.replicas ?? 0;
  const last = seen.at(-1)?.replicas ?? 0;
  return {
    expected: 'scaled down to 1',
    actual: `replicas ${history(seen)}`,
    ok: first > 1 && last === 1,
    ...since(seen, ({ replicas }) => replicas === 1),
  };
}

function since(seen: readonly Observation[], is: (seen: Observation) => boolean): { since?: number } {
  const first = seen.find(is);
  return first ? { since: first.second } : {};
}

/** `1 → 2 (12 s) → 4 (51 s)` */
function history(seen: readonly Observation[]): string {
  const changes = seen.filter(({ replicas }, index) => replicas !== seen[index - 1]?.replicas);
  return changes
    .map(({ replicas, second }, index) => (index === 0 ? `${replicas}` : `${replicas} (${second} s)`))
    .join(' → ');
}
