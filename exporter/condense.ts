import type { BlockIoCounters, ContainerCounters, Histogram } from 'bpf-linker-napi';
import { addBlockIo } from './counters.js';
import { isEmpty } from './exposition.js';
import { COARSE, type ContainerSeries } from './families.js';
import { PeerFold } from './peer-fold.js';
import { seriesKey } from './pods.js';

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
  *condense(series: readonly ContainerSeries[], now: number): Generator<'', ContainerSeries[]> {
    const folds = new Map<string, PeerFold>();
    const condensed: ContainerSeries[] = [];
    for (const one of series) {
      const key = seriesKey(one.identity);
      const fold = this.#folds.get(key) ?? new PeerFold();
      folds.set(key, fold);
      condensed.push({ ...one, counters: condenseOne(one.counters, fold, now) });
      if (condensed.length % AT_ONCE === 0) yield '';
    }
    this.#folds = folds;
    return condensed;
  }
}

function condenseOne(counters: ContainerCounters, fold: PeerFold, now: number): ContainerCounters {
  const { slot, stateSeconds, oncpu, runqueue, samples, tcpServe, tcpServeOverlapped } = counters;
  const { disk, network, lock } = counters.offcpu;
  const blockIo = (['read', 'write'] as const).flatMap((op) =>
    sumOfDevices(counters.blockIo.filter((io) => io.op === op)),
  );
  const lines =
    VALUE_LINES +
    linesOf(oncpu, COARSE.oncpu) +
    linesOf(runqueue, COARSE.runqueue) +
    [disk, network, lock].reduce((sum, histogram) => sum + linesOf(histogram, COARSE.offcpu), 0) +
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
    peers: fold.fold(counters.peers, rows, now),
  };
}

function linesOf(histogram: Histogram, exponents: readonly number[]): number {
  return isEmpty(histogram) ? 0 : exponents.length + HISTOGRAM_LINES;
}

/** A container that uses one device, as most do, tells which; the others tell what all of theirs do together. */
function sumOfDevices(all: readonly BlockIoCounters[]): BlockIoCounters[] {
  const [first, ...more] = all;
  if (first === undefined || more.length === 0) return [...all];
  return [{ ...more.reduce(addBlockIo, first), device: ALL_DEVICES }];
}
