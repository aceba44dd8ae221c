import {
  BLOCK_OPS,
  BLOCKIO_SCALARS,
  CONTAINER_HISTOGRAMS,
  CONTAINER_SCALARS,
  PEER_SCALARS,
  STATES,
  type BlockIoCounters,
  type ContainerCounters,
  type Histogram,
  type PeerCounters,
} from 'bpf-linker-napi';
import { expect } from 'chai';
import fc from 'fast-check';
import { peerSince } from '../../../../exporter/series/counters.js';
import { MAX_LINES, PeerLimiter, SeriesLimiter } from '../../../../exporter/series/limit.js';
import {
  BOUNDS,
  BY_DEFAULT,
  counters,
  histogram,
  identity,
  none,
  record,
  rendered,
  resultOf,
} from '../fixtures.js';

const CONTAINER = identity({ cpuRequest: 0.5, cpuLimit: 1 });

/** Seconds apart, so that the ranking of peers moves between two scrapes. */
const SCRAPE_SECONDS = 15;

function samplesOf(text: string): Map<string, number> {
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return new Map(lines.map((line) => [line.replace(/ [^ ]*$/, ''), Number(line.split(' ').at(-1))]));
}

/** @param starved - of a container that is a pod of its own, as on a host without a kubelet */
function scrape(
  limiter: SeriesLimiter,
  all: ContainerCounters,
  now: number,
  starved: { readonly starvedSeconds?: number } = {},
): Map<string, number> {
  const one = { identity: CONTAINER, counters: all, ...starved, live: true };
  const series = resultOf(limiter.limit([one], now));
  return samplesOf(rendered(series, 'text', BY_DEFAULT).toString());
}

function anyHistogram(bounds: readonly number[] = BOUNDS.seconds): fc.Arbitrary<Histogram> {
  const bucket = fc.oneof(fc.constant(0), fc.nat(1e6));
  return fc
    .array(bucket, { minLength: bounds.length + 1, maxLength: bounds.length + 1 })
    .map((buckets) => ({ buckets: Float64Array.from(buckets), sum: buckets.reduce((a, b) => a + b, 0) / 8 }));
}

function scalars<Name extends string>(names: readonly Name[]): fc.Arbitrary<Record<Name, number>> {
  return fc.record(record(names, () => fc.nat(9))) as fc.Arbitrary<Record<Name, number>>;
}

function peers(max: number): fc.Arbitrary<PeerCounters[]> {
  const one = fc.record({
    peer: fc.oneof(
      fc.constant('other'),
      fc.nat(99).map((n) => `10.0.0.${n}:80`),
    ),
    scalars: scalars(PEER_SCALARS),
    histograms: fc.record({ wait: anyHistogram(), long_wait: anyHistogram() }),
  });
  return fc.uniqueArray(one, { selector: ({ peer }) => peer, maxLength: max });
}

function blockIo(): fc.Arbitrary<BlockIoCounters[]> {
  const one = fc.record({
    device: fc.constantFrom('vda', 'vdb', 'nvme0n1', '8:16'),
    op: fc.constantFrom(...BLOCK_OPS),
    scalars: scalars(BLOCKIO_SCALARS),
    histograms: fc.record({ seconds: anyHistogram(), bytes: anyHistogram(BOUNDS.bytes) }),
  });
  return fc.uniqueArray(one, { selector: ({ device, op }) => `${device} ${op}` });
}

function anyCounters(): fc.Arbitrary<ContainerCounters> {
  return fc
    .record({
      stateSeconds: fc.record(record(STATES, () => fc.nat(9))),
      histograms: fc.record(record(CONTAINER_HISTOGRAMS, () => anyHistogram())),
      scalars: scalars(CONTAINER_SCALARS),
      blockIo: blockIo(),
      peers: peers(70),
    })
    .map((given) => counters(1, given));
}

/** Counters with every reason, operation, device and peer there can be. */
function fullest(): ContainerCounters {
  const seconds = histogram(BOUNDS.seconds);
  return counters(1, {
    scalars: record(CONTAINER_SCALARS, () => 1),
    histograms: record(CONTAINER_HISTOGRAMS, () => seconds),
    blockIo: ['vda', 'vdb', 'vdc'].flatMap((device) =>
      BLOCK_OPS.map((op) => ({
        device,
        op,
        scalars: none(BLOCKIO_SCALARS, { failures: 1 }),
        histograms: { seconds, bytes: histogram(BOUNDS.bytes, BOUNDS.bytes) },
      })),
    ),
    peers: Array.from({ length: 64 }, (_, index) => peer(`10.0.0.${index}:80`, index, 1, 1)),
  });
}

function peer(name: string, seconds: number, connections = 1, sent = 0): PeerCounters {
  const wait = histogram(seconds === 0 ? [] : [seconds]);
  return {
    peer: name,
    scalars: none(PEER_SCALARS, { connections, sent }),
    histograms: { wait, long_wait: wait },
  };
}

describe('lines per container', () => {
  it('are at most 128, whatever the container does', () => {
    fc.assert(
      fc.property(fc.array(anyCounters(), { minLength: 1, maxLength: 4 }), (snapshots) => {
        const limiter = new SeriesLimiter();
        for (const [index, all] of snapshots.entries()) {
          const samples = scrape(limiter, all, index * SCRAPE_SECONDS, { starvedSeconds: 1 });
          expect(samples.size).to.be.at.most(MAX_LINES);
        }
      }),
      { numRuns: 300 },
    );
  });

  it('name two peers when it does everything, and no third would fit', () => {
    const samples = [...scrape(new SeriesLimiter(), fullest(), 0, { starvedSeconds: 1 }).keys()];
    const other = samples.filter((line) => line.includes('peer="other"')).length;
    expect(samples.length).to.be.within(MAX_LINES - other + 1, MAX_LINES);
    const named = samples.filter((line) => line.startsWith('kernscale_tcp_connections_total'));
    expect(named.map((line) => /peer="([^"]*)"/.exec(line)![1])).to.deep.equal([
      '10.0.0.63:80',
      '10.0.0.62:80',
      'other',
    ]);
  });

  it('leave room for more peers where there is nothing else', () => {
    const { peers: all } = fullest();
    const samples = [...scrape(new SeriesLimiter(), counters(1, { peers: all }), 0).keys()];
    expect(samples.filter((line) => line.startsWith('kernscale_tcp_connections_total'))).to.have.length(8);
    expect(samples.length).to.be.at.most(MAX_LINES);
  });
});

describe('a limited container', () => {
  it('keeps every state, and the device of a container that uses one', () => {
    const io = fullest().blockIo.filter(({ device }) => device === 'vda');
    const samples = [
      ...scrape(
        new SeriesLimiter(),
        counters(1, { stateSeconds: record(STATES, () => 1), blockIo: io }),
        0,
      ).keys(),
    ].join('\n');
    for (const state of STATES) expect(samples).to.include(`state="${state}"`);
    expect(samples).to.include('op="read",device="vda"').and.to.include('op="write",device="vda"');
    expect(samples).not.to.include('op="flush"');
  });

  it('keeps counters that are decoded on access, as the addon hands them out', () => {
    const plain = fullest();
    const lazy = Object.create(
      Object.defineProperties(
        {},
        record(Object.keys(plain), (key) => ({ get: () => plain[key as keyof ContainerCounters] })),
      ),
    ) as ContainerCounters;
    expect(scrape(new SeriesLimiter(), lazy, 0)).to.deep.equal(scrape(new SeriesLimiter(), plain, 0));
  });

  it('adds up the devices of a container that uses several', () => {
    const samples = scrape(new SeriesLimiter(), fullest(), 0);
    const reads = [...samples].filter(([line]) => /^kernscale_blockio_seconds_count.*op="read"/.test(line));
    expect(reads.map(([line, value]) => [/device="(\w+)"/.exec(line)![1], value])).to.deep.equal([
      ['all', 3 * BOUNDS.seconds.length],
    ]);
  });
});

describe('peers without a name of their own', () => {
  const waits = (all: readonly PeerCounters[]) =>
    Object.fromEntries(all.map((one) => [one.peer, +one.histograms.wait.sum.toFixed(9)]));

  it('are as they are while there is room', () => {
    const limiter = new PeerLimiter();
    const all = [peer('a', 1), peer('b', 2)];
    expect(limiter.limit(all, 2, 0)).to.deep.equal(all);
  });

  it('are `other`, which continues when one of them becomes the longest wait', () => {
    const limiter = new PeerLimiter();
    expect(waits(limiter.limit([peer('a', 8), peer('b', 4), peer('c', 2)], 2, 0))).to.deep.equal({
      a: 8,
      other: 6,
    });
    // c is slow now, but not yet twice as slow as a was.
    const second = limiter.limit([peer('a', 8), peer('b', 4), peer('c', 12)], 2, 15);
    expect(waits(second)).to.deep.equal({ a: 8, other: 16 });
    const third = limiter.limit([peer('a', 9), peer('b', 5), peer('c', 32)], 2, 30);
    expect(waits(third)).to.deep.equal({ c: 32, other: 18 });
  });

  it('outrank a peer whose wait is hours old', () => {
    const limiter = new PeerLimiter();
    limiter.limit([peer('old', 60), peer('b', 0), peer('c', 0)], 2, 0);
    const hours = 3 * 3600;
    const named = limiter.limit([peer('old', 60.1), peer('b', 2), peer('c', 0)], 2, hours);
    expect(waits(named)).to.deep.equal({ b: 2, other: 0.1 });
  });

  it('never decrease a counter, and lose nothing', () => {
    const growths = fc.array(fc.array(fc.nat(50), { minLength: 6, maxLength: 6 }), {
      minLength: 1,
      maxLength: 12,
    });
    fc.assert(
      fc.property(growths, fc.integer({ min: 2, max: 7 }), (steps, rows) => {
        const limiter = new PeerLimiter();
        const sums = [0, 0, 0, 0, 0, 0];
        let before = new Map<string, number>();
        let counted = 0;
        for (const [index, step] of steps.entries()) {
          step.forEach((grown, at) => (sums[at]! += grown));
          const names = sums.map((sum, at) => ({
            ...peer(`p${at}`, 0),
            histograms: { wait: { ...histogram([]), sum }, long_wait: histogram([]) },
          }));
          const after = new Map(
            limiter
              .limit(names, rows, index * SCRAPE_SECONDS)
              .map((one) => [one.peer, one.histograms.wait.sum]),
          );
          expect(after.size).to.be.at.most(rows);
          for (const [name, sum] of after) {
            expect(sum).to.be.at.least(before.get(name) ?? 0);
            // A series that was not there a scrape ago begins: nothing is lost, its growth is seen from here on.
            counted += before.has(name) ? sum - before.get(name)! : 0;
          }
          before = after;
        }
        expect(counted).to.be.at.most(sums.reduce((a, b) => a + b, 0));
      }),
    );
  });

  it('start over when the kernel has evicted them in between', () => {
    expect(peerSince(peer('a', 1, 1), peer('a', 8, 5))).to.deep.equal(peer('a', 1, 1));
    const limiter = new PeerLimiter();
    limiter.limit([peer('a', 8), peer('b', 4), peer('c', 2)], 2, 0);
    limiter.limit([peer('a', 8)], 2, 15);
    expect(waits(limiter.limit([peer('a', 8), peer('b', 1)], 2, 30))).to.deep.equal({ a: 8, other: 7 });
  });
});
