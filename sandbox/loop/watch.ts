import { setTimeout as sleep } from 'node:timers/promises';
import { errorMessage } from '../../common/errors.js';
import type { Controller } from '../hpa/controller.js';
import { SYNC } from '../hpa/hpa.js';
import { sceneOf } from '../hpa/measure.js';
import { ask, type Shadow } from '../hpa/shadow.js';
import { NAMESPACE, type Loop } from './loop.js';
import type { ObservedWorkload } from './observe.js';
import type { Observation } from './scenarios.js';
import { withReplicas, type Changes } from './story.js';
import type { View } from './view.js';

const POLL_MS = 1000;
/**
 * The peak (the load of `chain`, and more of that of `disk`) starts after this part of a timed run, and after this long
 * in an open-ended one: what is usual is learnt before.
 */
const PEAK_PART = 1 / 2;
const PEAK_SECONDS = 60;

const WORKLOADS = ['cpu', 'disk', 'chain', 'lock', 'idle'] as const;

/** What an HPA would do with each workload; undefined while it has no CPU metrics. */
export type Shadows = ReadonlyMap<string, Shadow | undefined>;

export interface Watched {
  /** All observations of a timed run; empty for an open-ended one. */
  readonly seen: Observation[];
  /** Seconds since the epoch. */
  readonly began: number;
  /** Seconds into the run. */
  readonly peakFrom: number;
  readonly shadows: Shadows;
  readonly changes: Changes;
  /** Seconds into the run. */
  readonly ended: number;
}

/**
 * Observes the loop every second and shows it, until the time is up or the signal aborts.
 *
 * @param hpa scales the workloads in place of Kernscale; undefined: HPAs are only asked
 */
export async function watch(
  loop: Loop,
  view: View,
  forSeconds: number | undefined,
  hpa: Controller | undefined,
  signal: AbortSignal,
): Promise<Watched> {
  const began = Date.now() / 1000;
  const started = performance.now();
  const peakFrom = peakOf(forSeconds);
  const seen: Observation[] = [];
  let shadows: Shadows = new Map(WORKLOADS.map((workload) => [workload, undefined]));
  let changes: Changes = new Map();
  let nextSync = 0;
  let isPeak = false;
  const exited = new Set<string>();
  for (let second = 0; second <= (forSeconds ?? Infinity) && !signal.aborted; second = elapsed(started)) {
    if (!isPeak && second >= peakFrom) {
      view.notice('Load on "chain" starts now, more on "disk". Watch cpu grow, not chain or disk');
      await loop.addPeakLoad();
      isPeak = true;
    }
    reportExits(loop, exited, view);
    const rows = await look(loop, view, second);
    for (const { workload, replicas } of rows)
      changes = withReplicas(changes, workload, { second, replicas });
    // An open-ended run has no results, and may go on for days.
    if (forSeconds !== undefined) seen.push(...rows.map((row) => observation(row, second)));
    if (second >= nextSync) {
      if (hpa) await scaleAll(loop, hpa, rows);
      else shadows = await askAll(loop, shadows, rows, second);
      nextSync += SYNC;
    }
    await sleep(POLL_MS, undefined, { signal }).catch(() => undefined);
  }
  return { seen, began, peakFrom, shadows, changes, ended: elapsed(started) };
}

/** Seconds into a run at which the peak starts. */
export function peakOf(forSeconds: number | undefined): number {
  return forSeconds === undefined ? PEAK_SECONDS : Math.round(forSeconds * PEAK_PART);
}

function elapsed(started: number): number {
  return Math.round((performance.now() - started) / 1000);
}

async function look(loop: Loop, view: View, second: number): Promise<readonly ObservedWorkload[]> {
  try {
    const [observed, states] = await Promise.all([loop.observe(WORKLOADS), loop.threadStates()]);
    const { workloads: rows, ...told } = observed;
    view.show({ elapsedSeconds: second, rows, states, ...told });
    return rows;
  } catch (error) {
    view.notice(`Cannot read the stand-in cluster: ${errorMessage(error)}`);
    return [];
  }
}

function observation({ workload, replicas, decision }: ObservedWorkload, second: number): Observation {
  return { second, workload, replicas, decision };
}

/** One sync of the HPA of each workload. */
async function askAll(
  loop: Loop,
  before: Shadows,
  rows: readonly ObservedWorkload[],
  second: number,
): Promise<Shadows> {
  const measured = await loop.measure();
  if (!measured) return before;
  const shadows = new Map(before);
  for (const { workload, replicas, range } of rows) {
    if (!range) continue;
    const scene = sceneOf(measured, NAMESPACE, workload, replicas);
    shadows.set(workload, ask(before.get(workload), range, scene, second));
  }
  return shadows;
}

/** One sync of the HPA of each workload, which is obeyed. */
async function scaleAll(loop: Loop, hpa: Controller, rows: readonly ObservedWorkload[]): Promise<void> {
  const measured = await loop.measure();
  if (!measured) return;
  for (const { workload, replicas, range } of rows) {
    if (!range) continue;
    const wanted = hpa.sync(workload, range, sceneOf(measured, NAMESPACE, workload, replicas));
    if (wanted !== replicas) await loop.scale(workload, wanted);
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
