import { SYNC, sync, type Range } from '../../../sandbox/hpa/hpa.js';
import { EMPTY_HISTORY, type History } from '../../../scaler/core/round.js';
import type { Rival } from './rival.js';
import type { View } from './view.js';

/** Window of the latency, seconds. */
const WINDOW = 60;
/** Times the usual latency that is too slow, where there is no objective. */
const TOO_SLOW = 2;
/** Share of the limit under which one pod is taken away. */
const FAST = 0.6;
/** Time that it takes to learn the usual latency, seconds. */
const LEARNING = 300;

export interface LatencyState {
  readonly history: History;
  /** Time of the first decision. */
  readonly since?: number;
  /** Latencies of the time of learning, seconds. */
  readonly learnt: readonly number[];
}

/**
 * A scaler on latency alone: the workload that is slow is the one that grows, by as much as it is too slow. An entry's
 * 99 % quantile is held against its objective, the mean of any other against twice the median of its first minutes.
 *
 * @param objective seconds
 */
export function latency(range: Range, objective?: number): Rival<LatencyState> {
  return {
    interval: SYNC,
    start: { history: EMPTY_HISTORY, learnt: [] },
    decide: (view, before) => {
      const measured = view.latency(WINDOW);
      const now = objective === undefined ? measured?.mean : measured?.p99;
      const state = learn(before, now, view.now);
      const usual = median(state.learnt);
      const isLearnt = view.now - (state.since ?? view.now) >= LEARNING;
      const limit = objective ?? (isLearnt && usual !== undefined ? TOO_SLOW * usual : undefined);
      const { replicas, state: history } = sync(range, view, desired(view, now, limit), state.history);
      return { replicas, state: { ...state, history } };
    },
  };
}

function desired({ replicas }: View, now: number | undefined, limit: number | undefined): number | undefined {
  if (now === undefined || limit === undefined) return undefined;
  if (now > limit) return Math.ceil((replicas * now) / limit);
  return now < FAST * limit ? replicas - 1 : replicas;
}

function learn(state: LatencyState, seconds: number | undefined, now: number): LatencyState {
  const since = state.since ?? now;
  const isLearning = seconds !== undefined && now - since < LEARNING;
  return { ...state, since, learnt: isLearning ? [...state.learnt, seconds] : state.learnt };
}

function median(values: readonly number[]): number | undefined {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];
}
