import { setTimeout as sleep } from 'node:timers/promises';
import { errorMessage } from '../../common/errors.js';
import type { Loop } from './loop.js';
import type { Observation } from './scenarios.js';
import type { View } from './terminal.js';

const POLL_MS = 1000;
/** The load of `chain` begins after this part of a timed run, and after this long in an open-ended one. */
const CHAIN_LOAD_PART = 1 / 3;
const CHAIN_LOAD_SECONDS = 40;

const WORKLOADS = ['cpu', 'disk', 'chain', 'lock', 'idle'] as const;

export interface Watched {
  /** Everything there was to see of a timed run; empty for an open-ended one. */
  readonly seen: Observation[];
  readonly chainFrom: number;
}

/** Looks at the loop every second, until the time is up or the signal comes, and shows what it sees. */
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
  const gone = new Set<string>();
  for (let second = 0; second <= (forSeconds ?? Infinity) && !signal.aborted; second = elapsed(started)) {
    if (!chainLoaded && second >= chainFrom) {
      view.notice('the clients of chain begin: it calls cpu for each of their requests');
      await loop.addChainLoad();
      chainLoaded = true;
    }
    noticeDeaths(loop, gone, view);
    const observations = await look(loop, view, second);
    // An open-ended run is not judged, and may go on for days.
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
    const { workloads: rows, scalerAnswers } = observed;
    view.show({ elapsedSeconds: second, rows, states, scalerAnswers });
    return rows.map(({ workload, replicas, decision }) => ({ second, workload, replicas, decision }));
  } catch (error) {
    view.notice(`cannot look at the loop: ${errorMessage(error)}`);
    return [];
  }
}

/** A program of the loop that dies is part of the show: what matters is what the others do then. */
function noticeDeaths(loop: Loop, gone: Set<string>, view: View): void {
  for (const { name, running } of loop.programs) {
    if (!running.hasExited() || gone.has(name)) continue;
    gone.add(name);
    void running.exited.then((how) => {
      view.notice(`${name} is gone (${how})`);
    });
  }
}
