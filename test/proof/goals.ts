import type { Row } from './score.js';

/** What kernscale made of a random graph. */
export interface GraphRow {
  readonly scenario: string;
  readonly fault: string;
  /** What it is to be blamed on; undefined for a healthy graph. */
  readonly bottleneck?: string | undefined;
  /** Verdicts of harmed workloads in the time in which they count, and those that named the bottleneck. */
  readonly verdicts: number;
  readonly right: number;
  readonly wrongTarget: number;
  /** Of a healthy graph: workloads, those of the right size or one pod more at the end, rounds, and harmed ones. */
  readonly workloads: number;
  readonly shrunk: number;
  readonly rounds: number;
  readonly harmedRounds: number;
}

export interface Goal {
  readonly goal: string;
  readonly measured: string;
  readonly passed: boolean;
}

/** A difference of one round of decisions is none. */
const ROUND = 10;
const OURS = 'kernscale';
/** What could be reached is no rival. */
export const NEED = 'need';

/** Held against what has run: goals about other rows are left out. */
export function goalsOf(all: readonly Row[], graphs: readonly GraphRow[]): Goal[] {
  const rows = all.filter(({ controller }) => controller !== NEED);
  const bound = all.filter(({ controller }) => controller === NEED);
  const ours = rows.filter(({ controller }) => controller === OURS);
  const hpa = rows.filter(({ controller }) => controller === 'hpa');
  return [
    ...(ours.length > 0 || graphs.length > 0 ? [wrongTargets(ours, graphs)] : []),
    ...(ours.length > 0 && ours.length === hpa.length ? againstHpa(ours, hpa, bound) : []),
    ...(rows.length > ours.length && ours.length > 0 ? [againstBest(rows)] : []),
    ...graphGoals(graphs),
  ];
}

function wrongTargets(ours: readonly Row[], graphs: readonly GraphRow[]): Goal {
  const wrong = sum(ours, 'wrongTarget') + sum(graphs, 'wrongTarget');
  const where = [...ours, ...graphs].filter(({ wrongTarget }) => wrongTarget > 0);
  const names = where.map(({ scenario, wrongTarget }) => `${scenario} ${wrongTarget}`);
  return {
    goal: 'no wrong-target action anywhere',
    measured: `${wrong}${names.length > 0 ? `: ${names.join(', ')}` : ''}`,
    passed: wrong === 0,
  };
}

function againstHpa(ours: readonly Row[], hpa: readonly Row[], bound: readonly Row[]): Goal[] {
  const bad = sum(ours, 'badSeconds') / Math.max(1, sum(hpa, 'badSeconds'));
  const replicas = sum(ours, 'replicaSeconds') / sum(hpa, 'replicaSeconds');
  return [
    {
      goal: "at most 1/3 of HPA's bad seconds",
      measured: `${bad.toFixed(2)} (${sum(ours, 'badSeconds')} of ${sum(hpa, 'badSeconds')} s)`,
      passed: bad <= 1 / 3,
    },
    ...(bound.length === ours.length ? [avoidable(ours, hpa, bound)] : []),
    {
      goal: "at most 1.0 times HPA's replica-seconds",
      measured: replicas.toFixed(2),
      passed: replicas <= 1,
    },
  ];
}

/** The same for what pods can heal: bad seconds beyond those of the need, ordered at once. */
function avoidable(ours: readonly Row[], hpa: readonly Row[], bound: readonly Row[]): Goal {
  const beyond = (rows: readonly Row[]): number =>
    rows.reduce((total, { scenario, badSeconds }) => {
      const least = bound.find((row) => row.scenario === scenario)!.badSeconds;
      return total + Math.max(0, badSeconds - least);
    }, 0);
  const share = beyond(ours) / Math.max(1, beyond(hpa));
  return {
    goal: "at most 1/3 of HPA's bad seconds, beyond those that the need ordered at once has too",
    measured: `${share.toFixed(2)} (${beyond(ours)} of ${beyond(hpa)} s)`,
    passed: share <= 1 / 3,
  };
}

/** The rival of a scenario that misses least of those that spend no more than kernscale; undefined without one. */
export function bestRival(rows: readonly Row[], ours: Row): Row | undefined {
  const rivals = rows.filter(
    ({ scenario, controller, replicaSeconds }) =>
      scenario === ours.scenario &&
      controller !== OURS &&
      controller !== NEED &&
      replicaSeconds <= ours.replicaSeconds,
  );
  return rivals.toSorted((a, b) => a.badSeconds - b.badSeconds)[0];
}

/** True if a rival misses its objective less at no more replica-seconds, by more than 10 % and more than a round. */
export function isLost(rows: readonly Row[], ours: Row): boolean {
  const best = bestRival(rows, ours);
  return best !== undefined && ours.badSeconds > 1.1 * best.badSeconds + ROUND;
}

function againstBest(rows: readonly Row[]): Goal {
  const ours = rows.filter(({ controller }) => controller === OURS);
  const lost = ours.filter((row) => isLost(rows, row));
  const texts = lost.map((row) => {
    const best = bestRival(rows, row)!;
    return `${row.scenario} ${row.badSeconds} s, ${best.controller} ${best.badSeconds} s`;
  });
  return {
    goal: 'no scenario worse than its best rival by more than 10 % in bad seconds, at no more replica-seconds',
    measured: lost.length === 0 ? `0 of ${ours.length}` : texts.join('; '),
    passed: lost.length === 0,
  };
}

function graphGoals(graphs: readonly GraphRow[]): Goal[] {
  const faulty = graphs.filter(({ bottleneck }) => bottleneck !== undefined);
  const healthy = graphs.filter(({ bottleneck }) => bottleneck === undefined);
  return [
    ...(faulty.length > 0 ? [bottlenecks(faulty)] : []),
    ...(healthy.length > 0 ? healthyGoals(healthy) : []),
  ];
}

/** A graph is named rightly if most verdicts are right, or if nothing was ever harmed. */
export function isNamed({ verdicts, right }: GraphRow): boolean {
  return verdicts === 0 || right > verdicts / 2;
}

function bottlenecks(graphs: readonly GraphRow[]): Goal {
  const felt = graphs.filter(({ verdicts }) => verdicts > 0);
  const named = felt.filter(isNamed).length;
  const share = felt.length === 0 ? 1 : named / felt.length;
  const unfelt = graphs.length - felt.length;
  return {
    goal: 'random graphs: the right bottleneck in at least 95 %',
    measured: `${percent(share)} (${named} of ${felt.length}; ${unfelt} harmed nobody)`,
    passed: share >= 0.95,
  };
}

function healthyGoals(graphs: readonly GraphRow[]): Goal[] {
  const shrunk = sum(graphs, 'shrunk') / sum(graphs, 'workloads');
  const harmed = sum(graphs, 'harmedRounds') / sum(graphs, 'rounds');
  return [
    {
      goal: 'healthy workloads at 10 % of their load: at least 99 % shrink to what they need',
      measured: `${percent(shrunk)} (${sum(graphs, 'shrunk')} of ${sum(graphs, 'workloads')})`,
      passed: shrunk >= 0.99,
    },
    {
      goal: 'at most 0.5 % of healthy rounds called harmed',
      measured: `${percent(harmed)} (${sum(graphs, 'harmedRounds')} of ${sum(graphs, 'rounds')})`,
      passed: harmed <= 0.005,
    },
  ];
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}

function sum<Key extends string>(rows: readonly Readonly<Record<Key, number>>[], key: Key): number {
  return rows.reduce((total, row) => total + row[key], 0);
}
