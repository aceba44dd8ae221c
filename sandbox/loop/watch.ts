import { setTimeout as sleep } from 'node:timers/promises';
import { errorMessage } from '../../common/errors.js';
import type { Loop } from './loop.js';
import type { Observation } from './scenarios.js';
import type { View } from './view.js';

const POLL_MS = 1000;
/**
 * The peak (the load of `chain`, and more of that of `disk`) starts after this part of a timed run, and after this long
 * in an open-ended one: what is usual is learnt before.
 */
const PEAK_PART = 1 / 2;
const PEAK_SECONDS = 60;

const WORKLOADS = ['cpu', 'disk', 'chain', 'lock', 'idle'] as const;

export interface Watched {
  /** All observations of a timed run; empty for an open-ended one. */
  readonly seen: Observation[];
  readonly peakFrom: number;
}

/** Observes the loop every second and shows it, until the time is up or the signal aborts. */
export async function watch(
  loop: Loop,
  view: View,
  forSeconds: number | undefined,
  signal: AbortSignal,
): Promise<Watched> {
  const started = performance.now();
  const peakFrom = forSeconds === undefined ? PEAK_SECONDS : Math.round(forSeconds * PEAK_PART);
  const seen: Observation[] = [];
  let isPeak = false;
  const exited = new Set<string>();
  for (let second = 0; second <= (forSeconds ?? Infinity) && !signal.aborted; second = elapsed(started)) {
    if (!isPeak && second >= peakFrom) {
      view.notice(
        'Load on "chain" starts now, and more on "disk". Each request makes chain call cpu: watch cpu grow, not chain or disk',
      );
      await loop.addPeakLoad();
      isPeak = true;
    }
    reportExits(loop, exited, view);
    const observations = await look(loop, view, second);
    // An open-ended run has no results, and may go on for days.
    if (forSeconds !== undefined) seen.push(...observations);
    await sleep(POLL_MS, undefined, { signal }).catch(() => undefined);
  }
  return { seen, peakFrom };
}

function elapsed(started: number): number {
  return Math.round((performance.now() - started) / 1000);
}

async function look(loop: Loop, view: View, second: number): Promise<Observation[]> {
  try {
    const [observed, states] = await Promise.all([loop.observe(WORKLOADS), loop.threadStates()]);
    const { workloads: rows, scalerResponds } = observed;
    view.show({ elapsedSeconds: second, rows, states, scalerResponds });
    return rows.map(({ workload, replicas, decision }) => ({ second, workload, replicas, decision }));
  } catch (error) {
    view.notice(`Cannot read the stand-in cluster: ${errorMessage(error)}`);
    return [];
  }
}

/** The run continues without a program that has exited: the others must cope. */
function reportExits(loop: Loop, exited: Set<string>, view: View): void {
  for (const { name, running } of loop.programs) {
    if (!running.hasExited() || exited.has(name)) continue;
    exited.add(name);
    void running.exited.then((how) => {
      view.notice(`${name} exited (${how})`);
    });
  }
}
