import { getOrCompute } from '../../common/once.js';
import type { Assessment } from './assess.js';
import { assessPeer, type PeerAssessment } from './assess-peer.js';
import { actable, isAbsent } from './reading.js';
import type { Edge, RoundInput, Samples } from './round.js';
import type { Absent, Peer, Rule, WorkloadKey } from './types.js';

/** A workload's waits by peer. */
export interface Waits {
  readonly measured: readonly { readonly peer: string; readonly to: Peer; readonly seconds: number }[];
  /** Seconds per second on all peers. */
  readonly total: number;
  /** Peers with requests but without any recent response. */
  readonly silent: readonly { readonly peer: string; readonly to: Peer }[];
  /** Peers whose wait is not known. */
  readonly unknown: readonly { readonly peer: string; readonly text: string }[];
}

/** Waits and assessments of peers in one round, each computed once however many walks need it. */
export class Dependencies {
  readonly #managed = new Map<WorkloadKey, PeerAssessment>();
  readonly #unmanaged = new Map<Rule, Map<WorkloadKey, PeerAssessment>>();
  readonly #waits = new Map<number, Map<WorkloadKey, Waits | Absent>>();
  #waitedOn: ReadonlyMap<WorkloadKey, number> | undefined;

  /** @param assessments of the workloads that a rule scales */
  constructor(
    readonly workloads: RoundInput['workloads'],
    readonly assessments: ReadonlyMap<WorkloadKey, Assessment>,
    readonly now: number,
  ) {}

  assessmentOf(peer: Peer, waiterRule: Rule): PeerAssessment {
    if (peer.type !== 'workload') return this.#assess(peer, waiterRule);
    const isManaged = this.workloads.get(peer.workload)?.rule !== undefined;
    const known = isManaged ? this.#managed : inner(this.#unmanaged, waiterRule);
    return getOrCompute(known, peer.workload, () => this.#assess(peer, waiterRule));
  }

  #assess(peer: Peer, waiterRule: Rule): PeerAssessment {
    return assessPeer(peer, waiterRule, this.workloads, this.assessments, this.now);
  }

  /** The waits of a workload; undefined for one that is not part of the round. */
  waitsOf(key: WorkloadKey, waiterRule: Rule): Waits | Absent | undefined {
    const input = this.workloads.get(key);
    if (!input) return undefined;
    const maxAge = maxEdgeAge(input.rule ?? waiterRule);
    return getOrCompute(inner(this.#waits, maxAge), key, () =>
      waitsOn(input.samples.edges, maxAge, this.now),
    );
  }

  /** Seconds per second that all workloads together wait on one. */
  waitedOn(key: WorkloadKey): number {
    return (this.#waitedOn ??= this.#sumWaits()).get(key) ?? 0;
  }

  #sumWaits(): ReadonlyMap<WorkloadKey, number> {
    const sums = new Map<WorkloadKey, number>();
    for (const { samples, rule } of this.workloads.values()) {
      const waits = waitsOn(samples.edges, rule ? maxEdgeAge(rule) : Infinity, this.now);
      if (isAbsent(waits)) continue;
      for (const { peer, to, seconds } of waits.measured) {
        if (to.type === 'workload') sums.set(peer, (sums.get(peer) ?? 0) + seconds);
      }
    }
    return sums;
  }
}

/** Reads a workload's edges; those that must not be acted on are unknown. */
export function waitsOn(edges: Samples['edges'], maxAge: number, now: number): Waits | Absent {
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

/** Maximum age of an edge by a rule. */
export function maxEdgeAge({ maxAge }: Rule): number {
  return maxAge['edges'] ?? Infinity;
}

function nameOf(peer: Edge['peer'], to: Peer): string {
  return to.type === 'workload' ? to.workload : peer;
}

function inner<K, V>(maps: Map<K, Map<WorkloadKey, V>>, key: K): Map<WorkloadKey, V> {
  return getOrCompute(maps, key, () => new Map<WorkloadKey, V>());
}
