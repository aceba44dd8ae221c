import type { BlockIoCounters, BlockOp, ContainerCounters, Histogram } from 'bpf-linker-napi';
import { addBlockIo } from './counters.js';
import { isEmpty } from '../exposition/format.js';
import { COARSE, type ContainerSeries } from './families.js';
import { PeerFold } from './peer-fold.js';
import { seriesKey } from '../identity/pods.js';

/** What one container may cost a scrape without `--histograms.detail`. */
export const MAX_LINES = 80;

/** Info, request, limit, ten states, two modes of samples. */
const VALUE_LINES = 15;
/** What every classic histogram has besides its finite bounds: +Inf, sum and count. */
const HISTOGRAM_LINES = 3;
/** Two histograms, and failures. */
const BLOCKIO_LINES =
  COARSE.blockioSeconds.length + HISTOGRAM_LINES + COARSE.blockioBytes.length + HISTOGRAM_LINES + 1;
/** A histogram, connections, failures and retransmits. */
const PEER_LINES = COARSE.wait.length + HISTOGRAM_LINES + 3;

/** Few enough that others need not wait long. */
const AT_ONCE = 64;

const NONE: Histogram = { sum: 0, buckets: new Float64Array() };
const ALL_DEVICES = 'all';
const NOTHING = new Uint8Array();

/**
 * Leaves of each container what fits in `MAX_LINES`: off-CPU time by the three reasons that decisions rest on, reads
 * and writes, and as many peers as there is room for. What is left out of the histograms is still in
 * `kernscale_state_seconds_total` or in a peer called `other`.
 */
export class Condenser {
  #folds = new Map<string, PeerFold>();

  /**
   * Yields nothing now and then, for other work of the process to get its turn, and answers at the end.
   *
   * @param now seconds on a monotonic clock
   */
  *condense(series: readonly ContainerSeries[], now: number): Generator<Uint8Array, ContainerSeries[]> {
    const folds = new Map<string, PeerFold>();
    const condensed: ContainerSeries[] = [];
    for (const { identity, counters, live } of series) {
      const key = seriesKey(identity);
      const fold = this.#folds.get(key) ?? (counters.peers.length === 0 ? undefined : new PeerFold());
      if (fold) folds.set(key, fold);
      condensed.push({ identity, counters: condenseOne(counters, fold, now), live });
      if (condensed.length % AT_ONCE === 0) yield NOTHING;
    }
    this.#folds = folds;
    return condensed;
  }
}

function condenseOne(
  counters: ContainerCounters,
  fold: PeerFold | undefined,
  now: number,
): ContainerCounters {
  const { slot, stateSeconds, oncpu, runqueue, samples, tcpServe, tcpServeOverlapped } = counters;
  const { disk, network, lock } = counters.offcpu;
  const blockIo = [...sumOfDevices(counters.blockIo, 'read'), ...sumOfDevices(counters.blockIo, 'write')];
  const lines =
    VALUE_LINES +
    linesOf(oncpu, COARSE.oncpu) +
    linesOf(runqueue, COARSE.runqueue) +
    linesOf(disk, COARSE.offcpu) +
    linesOf(network, COARSE.offcpu) +
    linesOf(lock, COARSE.offcpu) +
    (isEmpty(tcpServe) ? 0 : linesOf(tcpServe, COARSE.serve) + 1) +
    blockIo.length * BLOCKIO_LINES;
  const rows = Math.floor((MAX_LINES - lines) / PEER_LINES);
  return {
    slot,
    stateSeconds,
    oncpu,
    runqueue,
    offcpu: { disk, network, lock, ipc: NONE, sleep: NONE, idle: NONE, other: NONE },
    samples,
    tcpServe,
    tcpServeOverlapped,
    blockIo,
    peers: fold?.fold(counters.peers, rows, now) ?? [],
  };
}

function linesOf(histogram: Histogram, exponents: readonly number[]): number {
  return isEmpty(histogram) ? 0 : exponents.length + HISTOGRAM_LINES;
}

/** A container that uses one device, as most do, tells which; the others tell what all of theirs do together. */
function sumOfDevices(all: readonly BlockIoCounters[], op: BlockOp): readonly BlockIoCounters[] {
  if (all.length === 0) return all;
  const [first, ...more] = all.filter((io) => io.op === op);
  if (first === undefined) return [];
  return more.length === 0 ? [first] : [{ ...more.reduce(addBlockIo, first), device: ALL_DEVICES }];
}
