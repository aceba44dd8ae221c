import { EMPTY_HISTORY, type History, type Rule, type WorkloadKey } from '../core/types.js';

interface Kept {
  readonly decide: Rule['decide'];
  readonly history: History;
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

  forget(workload: WorkloadKey): void {
    this.#kept.delete(workload);
  }
}
