import type { Latency, PodLoad } from '../../../scaler/simulate/controller.js';
import type { Outcome, Rival } from './rival.js';
import type { PodView, View } from './view.js';

interface PodShape extends Partial<PodLoad> {
  /** CPU as metrics-server reports it; undefined: not yet. */
  readonly usage?: number;
  /** Default: long before the test's times. */
  readonly startedAt?: number;
  readonly ready?: boolean;
}

const REQUEST = 0.5;
const LONG_AGO = -1000;

/** A pod whose load is the same over every window. */
export function podView(name: string, now: number, shape: PodShape): PodView {
  const { usage, startedAt = LONG_AGO, ready = true, ...loads } = shape;
  return {
    name,
    startedAt,
    ready,
    readySince: startedAt,
    usage: usage === undefined ? undefined : { cores: usage, timestamp: now - 15, window: 15 },
    over: () => ({ cpu: usage ?? 0, starved: 0, requests: 0, concurrency: 0, ...loads }),
  };
}

/** Pods that request half a core. */
export function viewOf(now: number, pods: readonly PodView[], latency?: Latency): View {
  return { now, replicas: pods.length, request: REQUEST, pods, latency: () => latency };
}

/** As many equal pods as there are replicas. */
export function evenView(now: number, replicas: number, shape: PodShape, latency?: Latency): View {
  const pods = Array.from({ length: replicas }, (_, index) => podView(`pod-${index}`, now, shape));
  return viewOf(now, pods, latency);
}

/** Decides on views one after the other. */
export function replay<State>(rival: Rival<State>, views: readonly View[]): number[] {
  let state = rival.start;
  return views.map((view) => {
    const outcome: Outcome<State> = rival.decide(view, state);
    state = outcome.state;
    return outcome.replicas;
  });
}
