import { expect } from 'chai';
import { addContainers, peerSince } from '../../../../exporter/series/counters.js';
import { busyCounters, counters, histogram } from '../fixtures.js';

describe('the sum of two instances of a container', () => {
  it('keeps every bucket when one instance has done nothing', () => {
    const busy = busyCounters(1);
    const idle = counters(2);
    for (const sum of [addContainers(idle, busy), addContainers(busy, idle)]) {
      expect(sum).to.deep.equal({ ...busy, slot: sum.slot });
    }
  });

  it('adds up bucket by bucket, devices and peers by name', () => {
    const { histograms, peers, blockIo } = addContainers(busyCounters(1), busyCounters(2));
    expect(histograms.tcp_serve).to.deep.equal(histogram([0.05, 0.06, 0.05, 0.06]));
    expect(peers.map(({ peer, scalars }) => [peer, scalars.connections])).to.deep.equal([
      ['10.96.0.12:8080', 6],
      ['[fd00::1]:53', 2],
    ]);
    expect(blockIo.map(({ device, op, scalars }) => [device, op, scalars.failures])).to.deep.equal([
      ['vda', 'read', 4],
    ]);
  });
});

describe('the growth of a peer’s counters', () => {
  it('is all of them when the kernel has started the peer over', () => {
    const [peer] = busyCounters(1).peers;
    const before = { ...peer!, scalars: { ...peer!.scalars, connections: 9 } };
    expect(peerSince(peer!, before)).to.deep.equal(peer);
    expect(peerSince(peer!, peer).scalars.connections).to.equal(0);
  });
});
