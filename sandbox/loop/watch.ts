import { setTimeout as sleep } from 'node:timers/promises';
import { errorMessage } from '../../common/errors.js';
import type { Loop } from './loop.js';
import type { Observation } from './scenarios.js';
import type { View } from './view.js';

const POLL_MS = 1000;
/** The load of `chain` starts after this part of a timed run, and after this long in an open-ended one. */
const CHAIN_LOAD_PART = 1 / 3;
const CHAIN_LOAD_SECONDS = 40;

const WORKLOADS = ['cpu', 'disk', 'chain', 'lock', 'idle'] as const;

export interface Watched {
  /** All observations of a timed run; empty for an open-ended one. */
  readonly seen: Observation[];
  readonly chainFrom: number;
}

/** Observes the loop every second and shows it, until the time is up or the signal aborts. */
export async function watch(
  loop: Loop,
  view: View,
  forSeconds: number | undefined,
  signal: AbortSignal,
): Promise<Watched> {
  const started = performance.now();
  const chainFrom = forSeconds === undefined ? CHAIN_LOAD_SECONDS : Math.round(forSeconds * CHAIN_LOAD_PART);
  const seen: Observation[] = [];
  let chainLoaded = false;
  const exited = new Set<string>();
  for (let second = 0; second <= (forSeconds ?? Infinity) && !signal.aborted; second = elapsed(started)) {
    if (!chainLoaded && second >= chainFrom) {
      view.notice(
        'Load on "chain" starts now. Every request makes chain call cpu; watch cpu grow, not chain',
      );
      await loop.addChainLoad();
      chainLoaded = true;
    }
    reportExits(loop, exited, view);
    const observations = await look(loop, view, second);
    // An open-ended run has no results, and may go on for days.
    if (forSeconds !== undefined) seen.push(...observations);
    await sleep(POLL_MS, undefined, { signal }).catch(() => undefined);
  }
  return { seen, chainFrom };
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
