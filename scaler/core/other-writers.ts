import { elapsed } from './time.js';

/** Seconds for which replicas stay as another writer has set them. */
const HOLD = 600;
/** The longest hold, seconds: each change of what Kernscale wrote after a hold doubles the next one. */
const LONGEST_HOLD = 4 * 3600;
/** Seconds after which a change no longer lengthens the next hold. */
const FORGOTTEN_AFTER = 24 * 3600;

/** The last write of a workload's `spec.replicas`, as its object tells. */
export interface Writer {
  /** Field manager that wrote them: `kubectl`, `argocd-controller`. Undefined for Kernscale itself. */
  readonly manager?: string;
  /** `metadata.generation`, which every change of the spec raises: replicas have no time of their own. */
  readonly generation: number;
  /** Differs between two objects of one name, and between two pod templates. */
  readonly template: string;
}

/** The replicas as the last round left them. */
export interface ReplicasLeft {
  readonly replicas: number;
  /** The writer's, as last seen. */
  readonly generation: number;
  readonly template: string;
  /** The last change by another writer. */
  readonly change?: Change;
}

interface Change {
  readonly manager: string;
  readonly from: number;
  readonly at: number;
  /** Seconds for which the replicas stay. */
  readonly hold: number;
  /** Kernscale has changed them since. */
  readonly answered?: true;
}

/**
 * Finds out whether another writer has changed the replicas since the last round.
 *
 * A write that changes the pod template, too, is none: a roll-out brings the number of its manifest along. Neither is one
 * from or to zero, which turns scaling on or off. At first sight nothing is known to have changed.
 *
 * @param writer undefined where the object does not tell
 * @param accepts true where the changes of others are expected
 */
export function observeWriter(
  left: ReplicasLeft | undefined,
  writer: Writer | undefined,
  replicas: number,
  accepts: boolean,
  now: number,
): ReplicasLeft | undefined {
  if (!writer) return left;
  const { manager, generation, template } = writer;
  const seen = { replicas, generation, template };
  if (accepts || !left) return seen;
  // The spec has not changed since, or what is known of the object is older than Kernscale's own write.
  if (left.generation === generation) return { ...left, template };
  const previous = left.change && elapsed(left.change.at, now) < FORGOTTEN_AFTER ? left.change : undefined;
  const isOther = manager !== undefined && replicas !== left.replicas && replicas > 0 && left.replicas > 0;
  const isRollOut = template !== left.template;
  if (isOther && !isRollOut) {
    return { ...seen, change: { manager, from: left.replicas, at: now, hold: holdAfter(previous) } };
  }
  if (!previous) return seen;
  return { ...seen, change: isOther || manager === undefined ? { ...previous, answered: true } : previous };
}

function holdAfter(previous: Change | undefined): number {
  if (!previous) return HOLD;
  return previous.answered ? Math.min(2 * previous.hold, LONGEST_HOLD) : previous.hold;
}

/** The replicas once Kernscale has set them. */
export function leave(left: ReplicasLeft, replicas: number): ReplicasLeft {
  return { ...left, replicas, ...(left.change && { change: { ...left.change, answered: true } }) };
}
