import { KernscaleError } from '../../common/errors.js';
import type { InTime } from './observe.js';
import type { Observation } from './scenarios.js';

/** Seconds between two looks at the answers. */
export const STEP = 2;
/** Share of the requests that must be answered in time. */
const QUANTILE = 0.95;
/** Seconds after a change of the load that do not count: the load generator starts, and a rate looks back. */
const SETTLING = 8;

/** What is asked of a workload, requests per second, from the start and from the peak on. */
export interface Load {
  readonly rate: number;
  readonly peak: number;
}

/** Outcome of a run for a workload with a load generator. */
export interface Outcome {
  readonly workload: string;
  /** Seconds in which too few of the requests asked were answered in time. */
  readonly badSeconds: number;
  readonly replicaSeconds: number;
}

/** When a run began, seconds since the epoch, and its peak, seconds later. */
export interface Times {
  readonly began: number;
  readonly peakFrom: number;
}

/**
 * Outcomes of a timed run.
 *
 * @throws KernscaleError `NO_DATA` if a load generator's answers were not measured
 */
export function outcomes(
  { began, peakFrom }: Times,
  loads: ReadonlyMap<string, Load>,
  seen: readonly Observation[],
  answered: ReadonlyMap<string, readonly InTime[]>,
): Outcome[] {
  return [...loads].map(([workload, { rate, peak }]) => {
    const isBad = ({ at, rate: inTime }: InTime): boolean => {
      const second = at - began;
      const isPeak = second >= peakFrom;
      const asked = isPeak ? peak : rate;
      return second - (isPeak ? peakFrom : 0) > SETTLING && inTime < QUANTILE * asked;
    };
    const looks = answered.get(workload);
    if (!looks)
      throw new KernscaleError('NO_DATA', `Prometheus has no answers to the requests sent to ${workload}`);
    const bad = looks.filter(isBad);
    return {
      workload,
      badSeconds: bad.length * STEP,
      replicaSeconds: replicaSeconds(seen.filter((one) => one.workload === workload)),
    };
  });
}

function replicaSeconds(seen: readonly Observation[]): number {
  return seen.reduce((sum, { second, replicas }, index) => {
    const next = seen[index + 1]?.second ?? second;
    return sum + replicas * (next - second);
  }, 0);
}
