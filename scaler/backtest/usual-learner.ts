import { decideRound } from '../core/decide-round.js';
import { normOf, type Usual } from '../core/harm/usual.js';
import type { Windows } from '../core/measures.js';
import { isAbsent } from '../core/reading.js';
import { EMPTY_HISTORY, type History, type WorkloadInput } from '../core/round.js';
import type { Absent, Rule, WorkloadKey } from '../core/types.js';

type Round = ReadonlyMap<WorkloadKey, Windows>;

const NOT_READ: Absent = { absent: 'missing', text: 'is not read from the past' };

/**
 * Learns what is usual from rounds of the past, the oldest first, with the decision core itself. Of its decisions only
 * the usual is kept: replicas and pods of the past are not known, so they say nothing for the present.
 *
 * Pod templates of the past are not known either: the usual has none, and adopts the first that is seen.
 */
export class UsualLearner {
  readonly #histories = new Map<WorkloadKey, History>();
  /** The round that waits for the one after it, and the one before it. */
  #held: { readonly round: Round; readonly at: number } | undefined;
  #before: Round | undefined;

  /** @param rules of the workloads to learn about; the others are callers and callees */
  constructor(private readonly rules: ReadonlyMap<WorkloadKey, Rule>) {}

  /** @param at seconds since the epoch */
  learn(round: Round, at: number): void {
    if (this.#held) this.#decide(this.#held.round, this.#held.at, round);
    this.#before = this.#held?.round;
    this.#held = { round, at };
  }

  /** What is usual, of the workloads of which enough is learnt. */
  usual(): ReadonlyMap<WorkloadKey, Usual> {
    const known = [...this.#histories].flatMap(([key, { usual }]): [WorkloadKey, Usual][] =>
      usual && normOf(usual) ? [[key, usual]] : [],
    );
    return new Map(known);
  }

  #decide(round: Round, at: number, after: Round): void {
    const workloads = new Map<WorkloadKey, WorkloadInput>();
    for (const [key, windows] of round) {
      const rule = this.rules.get(key);
      // A round with fewer pods than the one before or after is one of a change, from which the core does not learn.
      const replicas = Math.max(...[this.#before, round, after].map((one) => podsIn(one?.get(key))));
      const samples = { replicas, signals: {}, edges: NOT_READ, windows };
      workloads.set(key, { rule, samples, history: this.#histories.get(key) ?? EMPTY_HISTORY });
    }
    const targets = [...workloads.keys()].filter((key) => this.rules.has(key));
    for (const [key, { historyIfNotApplied }] of decideRound({ workloads, targets }, at)) {
      this.#histories.set(key, historyIfNotApplied);
    }
  }
}

function podsIn(windows: Windows | undefined): number {
  return windows && !isAbsent(windows.settled) ? windows.settled.pods : 0;
}
