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
  /** Seconds into the run at which the load of `chain` and the peak of `disk` began. */
  readonly peakFrom: number;
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
    disk: checkWaiting(of('disk'), 'disk'),
    chain: checkChain(of('chain'), of('cpu'), truth.peakFrom),
    lock: checkWaiting(of('lock'), 'lock'),
    idle: checkIdle(of('idle')),
  };
  const length = observations.at(-1)?.second ?? 0;
  return Object.entries(outcomes).map(([workload, { since, ...outcome }]) => ({
    workload,
    ...outcome,
    seconds: outcome.ok ? (since ?? length) : length,
  }));
}

/** One replica more than the work needs is correct: a window that is not full yet reads a little more or less. */
function checkCpu(seen: readonly Observation[], { alone, withChain, peakFrom }: CpuTruth): Outcome {
  const before = seen.filter(({ second }) => second < peakFrom);
  const enough = (replicas: number, needed: number) => replicas >= needed && replicas <= needed + 1;
  const final = seen.at(-1)?.replicas ?? 0;
  return {
    expected: `${alone} to ${alone + 1} replicas under its own load, ${withChain} to ${withChain + 1} with the load of chain`,
    actual: history(seen),
    ok: enough(before.at(-1)?.replicas ?? 0, alone) && enough(final, withChain),
    ...since(seen, ({ second, replicas }) => second >= peakFrom && replicas === final),
  };
}

/**
 * A workload that waits is not scaled for it: as usual that is no harm, and beyond the usual more replicas would not
 * help. How fast the machine's disk is decides which; a harm is blamed on what is waited for.
 */
function checkWaiting(seen: readonly Observation[], cause: string): Outcome {
  const held = seen.filter(({ decision }) => decision?.action === 'hold' && decision.class !== 'unknown');
  const right = held.filter(({ decision }) => decision!.class === cause);
  const blamed =
    held.length === 0 ? 'waits as usual' : `class ${cause} in ${right.length} of ${held.length} holds`;
  return {
    expected: `not scaled; class ${cause} if it is slower than usual`,
    actual: `${history(seen)}, ${blamed}`,
    ok: seen.length > 0 && isUnchanged(seen) && right.length >= held.length / 2,
    ...since(seen, ({ decision }) => decision !== undefined),
  };
}

/** The waiter keeps its replicas while its callee grows for it; a walk from it, if there is one, ends there. */
function checkChain(seen: readonly Observation[], callee: readonly Observation[], loadFrom: number): Outcome {
  const before = callee.findLast(({ second }) => second < loadFrom)?.replicas ?? Infinity;
  const grew = ({ replicas }: Observation) => replicas > before;
  const ends = seen.flatMap(({ decision }) => decision?.path.at(-1) ?? []);
  const astray = ends.filter((end) => end !== 'cpu');
  return {
    expected: 'not scaled while cpu, which it waits for, grows',
    actual: `${history(seen)}, cpu ${callee.some(grew) ? 'grew' : 'did not grow'}${astray.length > 0 ? `, ${astray.length} of ${ends.length} walks ended elsewhere` : ''}`,
    ok: seen.length > 0 && isUnchanged(seen) && callee.some(grew) && astray.length <= ends.length / 2,
    ...since(callee, grew),
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
