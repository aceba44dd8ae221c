import type { Range } from '../../../sandbox/hpa/hpa.js';
import type { Rival } from './rival.js';
import { sumOver } from './view.js';

/** Knative's defaults; times in seconds. */
const TICK = 2;
const STABLE_WINDOW = 60;
const PANIC_WINDOW = 6;
/** Times the capacity of the ready pods. */
const PANIC_THRESHOLD = 2;
const UTILIZATION = 0.7;
/** Replicas go down at most to this fraction in one step. */
const MAX_SCALE_DOWN_RATE = 2;

export interface Panic {
  /** Time at which the threshold was last exceeded; undefined when not panicking. */
  readonly since?: number;
  /** The most that was asked for while panicking. */
  readonly most: number;
}

/**
 * Knative's autoscaler: requests in flight, 70 % of what a container may have, over a minute; over 6 s once they are
 * twice what the ready pods may have. While it panics it never scales down.
 *
 * Source: knative.dev/serving, pkg/autoscaler/scaling/autoscaler.go.
 *
 * @param containerConcurrency requests that a container may have at a time
 */
export function concurrency(range: Range, containerConcurrency: number): Rival<Panic> {
  const target = UTILIZATION * containerConcurrency;
  return {
    interval: TICK,
    start: { most: 0 },
    decide: (view, state) => {
      const podsFor = (window: number): number =>
        Math.ceil((sumOver(view, 'concurrency', window) ?? 0) / target);
      const ready = Math.max(1, view.pods.filter(({ ready: isReady }) => isReady).length);
      const least = Math.floor(ready / MAX_SCALE_DOWN_RATE);
      const stable = Math.max(least, podsFor(STABLE_WINDOW));
      const panicked = podsFor(PANIC_WINDOW);
      const panic = nextPanic(state, panicked / ready >= PANIC_THRESHOLD, view.now);
      if (panic.since === undefined) return { replicas: clamp(stable, range), state: panic };
      const most = Math.max(panic.most, stable, panicked);
      return { replicas: clamp(most, range), state: { ...panic, most } };
    },
  };
}

function nextPanic({ since, most }: Panic, isOver: boolean, now: number): Panic {
  if (isOver) return { since: now, most };
  return since === undefined || now - since > STABLE_WINDOW ? { most: 0 } : { since, most };
}

function clamp(replicas: number, { minReplicas, maxReplicas }: Range): number {
  return Math.min(Math.max(replicas, minReplicas), maxReplicas);
}
