import { workloadKey, type ScaleTargetRef } from '../core/types.js';
import type { WorkloadEvent } from '../kubernetes/events.js';
import type { WatchedWorkload } from '../kubernetes/objects.js';
import type { RoundHealth } from './round-health.js';

/** Workloads of a group that Events are written on: enough to be seen, few enough for the API server. */
const MAX_WORKLOADS = 20;
/** Seconds between two Events of the same reason. */
const REPEATED_AFTER = 600;

const OK = 'RoundsSucceed';

type Told = Pick<WorkloadEvent, 'type' | 'reason' | 'message'>;

/** Events on the workloads that failed or late rounds of one group concern: when that begins, and when it ends. */
export class RoundEvents {
  #concerned: readonly ScaleTargetRef[] = [];
  #workloads: readonly WatchedWorkload[] = [];
  #last = OK;
  readonly #toldAt = new Map<string, number>();

  /** @param clock monotonic, seconds */
  constructor(
    private readonly group: string,
    private readonly clock: () => number,
    private readonly write: (event: Omit<WorkloadEvent, 'at'>) => void,
  ) {}

  /** Sets the workloads of the round, or those of them that it failed on. @param workloads with their UIDs */
  concern(targets: readonly ScaleTargetRef[], workloads = this.#workloads): void {
    this.#concerned = targets;
    this.#workloads = workloads;
  }

  /** Writes an Event on each of them if there is news. */
  tell(health: RoundHealth): void {
    const news = this.#news(health);
    if (!news) return;
    const uids = new Map(this.#workloads.map(({ ref, uid }) => [workloadKey(ref), uid]));
    for (const target of this.#concerned.slice(0, MAX_WORKLOADS))
      this.write({ target, uid: uids.get(workloadKey(target)) ?? '', ...news });
  }

  #news(health: RoundHealth): Told | undefined {
    const [problem] = health.problems();
    const reason = problem === undefined ? OK : health.hasFailed() ? 'RoundFailed' : 'RoundLate';
    const told = this.#toldAt.get(reason);
    const isRepeated = told !== undefined && this.clock() - told < REPEATED_AFTER;
    if (reason === this.#last || (isRepeated && reason !== OK)) return undefined;
    this.#last = reason;
    this.#toldAt.set(reason, this.clock());
    const of = `rule group "${this.group}"`;
    if (problem === undefined)
      return { type: 'Normal', reason, message: `The rounds of ${of} succeed again.` };
    const message = `In ${of}, ${problem}. Until a round succeeds, replicas stay as they are.`;
    return { type: 'Warning', reason, message };
  }
}
