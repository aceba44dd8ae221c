import { EMPTY_HISTORY, type History, type Rule, type WorkloadKey } from '../core/types.js';

interface Kept {
  /** The steps that the timers of the history belong to. */
  readonly decide: Rule['decide'];
  readonly history: History;
}

/** What is remembered about one workload; plain JSON. */
export interface Memory extends Kept {
  readonly workload: WorkloadKey;
}

/** What every rule remembers about its workload, across rounds and reloads. */
export class Histories {
  readonly #kept = new Map<WorkloadKey, Kept>();

  /**
   * The history to decide with. Timers of decide steps are keyed by their place in the rule, so a rule whose steps
   * were edited starts them anew; recommendations and past changes of the workload stay true.
   */
  get(workload: WorkloadKey, rule: Rule | undefined): History {
    const kept = this.#kept.get(workload);
    if (!kept || !rule) return EMPTY_HISTORY;
    const same = kept.decide === rule.decide || JSON.stringify(kept.decide) === JSON.stringify(rule.decide);
    return same ? kept.history : { ...kept.history, steps: {} };
  }

  set(workload: WorkloadKey, { decide }: Rule, history: History): void {
    this.#kept.set(workload, { decide, history });
  }

  /** Forgets the workloads that are not to be kept. */
  retain(keep: (workload: WorkloadKey) => boolean): void {
    for (const workload of this.#kept.keys()) if (!keep(workload)) this.#kept.delete(workload);
  }

  memories(): Memory[] {
    return [...this.#kept].map(([workload, kept]) => ({ workload, ...kept }));
  }

  /** @param memories what `memories` answered before a restart */
  restore(memories: readonly Memory[]): void {
    for (const { workload, ...kept } of memories) this.#kept.set(workload, kept);
  }
}
