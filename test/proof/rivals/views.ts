import type { Pod } from '../../../scaler/core/types.js';
import type { Outcome, Rival } from './rival.js';
import type { Counters, PodView, View } from './view.js';

/** What each pod does per second; `from` is the time since which it does. */
export type Rates = Partial<Record<Exclude<keyof Counters, 'at'>, number>>;

interface PodShape {
  readonly rates: Rates;
  /** Default: long before the test's times. */
  readonly startedAt?: number;
  readonly ready?: boolean;
  /** Earlier rates, until `from`. */
  readonly before?: { readonly rates: Rates; readonly from: number };
}

const REQUEST = 0.5;
const LONG_AGO = -1000;
const LOOK_BACK = 90;

/** A pod with counters that grow evenly, requesting half a core. */
export function podView(name: string, now: number, shape: PodShape): PodView {
  const { startedAt = LONG_AGO, ready = true } = shape;
  const pod: Pod = {
    name,
    phase: 'Running',
    ready: ready ? 'True' : 'False',
    readySince: startedAt,
    startedAt,
    deleted: false,
    containers: [{ name: 'app', request: REQUEST }],
  };
  const counters: Counters[] = [];
  for (let at = Math.max(startedAt, now - LOOK_BACK); at <= now; at++)
    counters.push(countersAt(shape, startedAt, at));
  return { pod, counters };
}

function countersAt({ rates, before }: PodShape, startedAt: number, at: number): Counters {
  const changed = before ? Math.max(startedAt, Math.min(at, before.from)) : startedAt;
  const count = (counter: keyof Rates): number =>
    (changed - startedAt) * (before?.rates[counter] ?? 0) + (at - changed) * (rates[counter] ?? 0);
  return {
    at,
    cpu: count('cpu'),
    starved: count('starved'),
    arrived: count('arrived'),
    answered: count('answered'),
    served: count('served'),
    outstanding: count('outstanding'),
  };
}

/** As many equal pods as there are replicas. */
export function evenView(now: number, replicas: number, shape: PodShape): View {
  const pods = Array.from({ length: replicas }, (_, index) => podView(`pod-${index}`, now, shape));
  return { now, replicas, pods };
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
