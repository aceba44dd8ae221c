import { count } from '../core/format.js';

/** Seconds over which changes are counted. */
const PERIOD = 60;

/** Workloads whose replicas may change in a minute; undefined: any number. */
export interface ChangeLimits {
  readonly all?: number | undefined;
  readonly perNamespace?: number | undefined;
}

/** Counts the changes of the last minute, of all workloads and by namespace, and refuses those beyond the limits. */
export class ChangeBudget {
  #taken: readonly { readonly at: number; readonly namespace: string }[] = [];

  /** @param clock seconds of a clock that never steps */
  constructor(
    private readonly limits: ChangeLimits,
    private readonly clock: () => number,
  ) {}

  /** Takes one change out of the budget; returns a sentence, and takes nothing, if it is spent. */
  take(namespace: string): string | undefined {
    const now = this.clock();
    this.#taken = this.#taken.filter(({ at }) => now - at < PERIOD);
    const { all = Infinity, perNamespace = Infinity } = this.limits;
    if (this.#taken.length >= all) return spent(all, '(--scale.max-changes)');
    if (this.#taken.filter((change) => change.namespace === namespace).length >= perNamespace) {
      return spent(perNamespace, `in namespace ${namespace} (--scale.max-changes-per-namespace)`);
    }
    this.#taken = [...this.#taken, { at: now, namespace }];
    return undefined;
  }
}

function spent(limit: number, which: string): string {
  return `the budget of ${count(limit, 'workload')} a minute ${which} is spent; the next rounds go on`;
}
