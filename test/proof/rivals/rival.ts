import type { View } from './view.js';

/** Replicas, and the state for the next time. */
export interface Outcome<State> {
  readonly replicas: number;
  readonly state: State;
}

/** An autoscaler of one workload: a pure function of what it sees and of its own state. */
export interface Rival<State> {
  /** Seconds between two decisions. */
  readonly interval: number;
  readonly start: State;
  decide(view: View, state: State): Outcome<State>;
}
