import { judge, type Verdict } from './culprit.js';
import { actable, isAbsent } from './reading.js';
import type { Absent, Edge, Neighbourhood, Peer, Rule, WorkloadKey, WorkloadSamples } from './types.js';

/** On whom a workload waits, and how long. */
export interface Waits {
  readonly measured: readonly { readonly peer: string; readonly to: Peer; readonly seconds: number }[];
  /** Seconds per second on all of them. */
  readonly total: number;
  /** Peers that it asks, but that have not answered at all lately. */
  readonly silent: readonly { readonly peer: string; readonly to: Peer }[];
  /** Peers whose wait is not known. */
  readonly unknown: readonly { readonly peer: string; readonly text: string }[];
}

/** Who waits on whom in one round. Each question is worked out once, however many waiters ask it. */
export class Dependencies {
  readonly #managed = new Map<WorkloadKey, Verdict>();
  readonly #unmanaged = new Map<Rule, Map<WorkloadKey, Verdict>>();
  readonly #waits = new Map<number, Map<WorkloadKey, Waits | Absent>>();
  #waitedOn: ReadonlyMap<WorkloadKey, number> | undefined;

  constructor(
    readonly neighbourhood: Neighbourhood,
    readonly now: number,
  ) {}

  /** What a peer's own signals say about its part in the waiting, see `judge`. */
  verdict(peer: Peer, waiterRule: Rule): Verdict {
    if (peer.type !== 'workload') return judge(peer, waiterRule, this.neighbourhood, this.now);
    const managed = this.neighbourhood.get(peer.workload)?.rule !== undefined;
    const known = managed ? this.#managed : inner(this.#unmanaged, waiterRule);
    return once(known, peer.workload, () => judge(peer, waiterRule, this.neighbourhood, this.now));
  }

  /** On whom a workload of the neighbourhood waits; undefined for one that is not in it. */
  waitsOf(key: WorkloadKey, waiterRule: Rule): Waits | Absent | undefined {
    const neighbour = this.neighbourhood.get(key);
    if (!neighbour) return undefined;
    const maxAge = maxEdgeAge(neighbour.rule ?? waiterRule);
    return once(inner(this.#waits, maxAge), key, () => waitsOn(neighbour.samples.edges, maxAge, this.now));
  }

  /** Seconds per second that all workloads together wait on one. */
  waitedOn(key: WorkloadKey): number {
    return (this.#waitedOn ??= this.#sumWaits()).get(key) ?? 0;
  }

  #sumWaits(): ReadonlyMap<WorkloadKey, number> {
    const sums = new Map<WorkloadKey, number>();
    for (const { samples, rule } of this.neighbourhood.values()) {
      const waits = waitsOn(samples.edges, rule ? maxEdgeAge(rule) : Infinity, this.now);
      if (isAbsent(waits)) continue;
      for (const { peer, to, seconds } of waits.measured) {
        if (to.type === 'workload') sums.set(peer, (sums.get(peer) ?? 0) + seconds);
      }
    }
    return sums;
  }
}

/** Reads a workload's edges as they may be acted on. */
export function waitsOn(edges: WorkloadSamples['edges'], maxAge: number, now: number): Waits | Absent {
  if (isAbsent(edges)) return edges;
  const measured: { peer: string; to: Peer; seconds: number }[] = [];
  const silent: { peer: string; to: Peer }[] = [];
  const unknown: { peer: string; text: string }[] = [];
  let total = 0;
  for (const { peer, to, wait } of edges) {
    const reading = actable(wait, maxAge, now);
    if (isAbsent(reading)) unknown.push({ peer: nameOf(peer, to), text: reading.text });
    else if (reading.value > 0) {
      measured.push({ peer: nameOf(peer, to), to, seconds: reading.value });
      total += reading.value;
    } else silent.push({ peer: nameOf(peer, to), to });
  }
  return { measured, total, silent, unknown };
}

/** How old an edge may be, by a rule. */
export function maxEdgeAge({ maxAge }: Rule): number {
  return maxAge['edges'] ?? Infinity;
}

function nameOf(peer: Edge['peer'], to: Peer): string {
  return to.type === 'workload' ? to.workload : peer;
}

function once<K, V>(known: Map<K, V>, key: K, work: () => V): V {
  const found = known.get(key);
  if (found !== undefined) return found;
  const value = work();
  known.set(key, value);
  return value;
}

function inner<K, V>(maps: Map<K, Map<WorkloadKey, V>>, key: K): Map<WorkloadKey, V> {
  return once(maps, key, () => new Map<WorkloadKey, V>());
}
