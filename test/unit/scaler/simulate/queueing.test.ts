import { expect } from 'chai';
import { ran, total, written } from './fixtures.js';

/** Mean time in an M/M/c queue: Erlang's C. */
function erlangC(arrivals: number, service: number, servers: number): number {
  const load = arrivals * service;
  let term = 1;
  let sum = 1;
  for (let index = 1; index < servers; index++) sum += term *= load / index;
  term *= load / servers;
  const queued = term / (1 - load / servers);
  const waits = queued / (sum + queued);
  return service + (waits * service) / (servers - load);
}

function meanLatency(service: object, client: object, length = '1h'): number {
  const { ledger } = ran(written({ cores: 64, ...service }, { ...client }, { length, bucket: '1h' }));
  return ledger.seconds / ledger.answered;
}

describe('a simulated queue', function () {
  this.timeout(60_000);

  const exponential = { cpu: { mean: '20ms', shape: 'exponential' } };

  it('keeps the times of M/M/1 and M/M/c', () => {
    for (const [threads, load] of [
      [1, 35],
      [2, 70],
      [4, 170],
    ] as const) {
      const mean = meanLatency({ threads, work: exponential }, { load: String(load) });
      expect(mean / erlangC(load, 0.02, threads), `${threads} threads`).to.be.closeTo(1, 0.06);
    }
  });

  it('keeps the time of M/G/1 with constant work, and of processor sharing', () => {
    // Pollaczek and Khinchine: half of the wait of M/M/1.
    const constant = meanLatency({ threads: 1, work: { cpu: '20ms' } }, { load: '35' });
    expect(constant / (0.02 + (0.5 * 0.7 * 0.02) / 0.3)).to.be.closeTo(1, 0.06);
    // Processor sharing: the mean does not depend on the distribution.
    const shared = meanLatency({ threads: 999, cores: 1, work: { cpu: '20ms' } }, { load: '35' });
    expect(shared / (0.02 / 0.3)).to.be.closeTo(1, 0.06);
  });

  it('serves one request at a time in an event loop, with others waiting for peers meanwhile', () => {
    const loop = meanLatency({ threads: 'loop', work: exponential }, { load: '35' });
    expect(loop / erlangC(35, 0.02, 1)).to.be.closeTo(1, 0.06);
    const more = { outside: [{ name: 'db', time: '1s' }] };
    const { ledger } = ran(
      written({ threads: 'loop', work: { cpu: '2ms' }, calls: [{ to: 'db' }] }, { load: '50' }, more),
    );
    expect(ledger.seconds / ledger.answered).to.be.within(1.002, 1.01);
  });

  it('shares one disk among all pods, in turn', () => {
    const disk = { cpu: '0ms', disk: { mean: '20ms', shape: 'exponential' } };
    const mean = meanLatency({ replicas: 3, threads: 999, work: disk }, { load: '35' });
    expect(mean / erlangC(35, 0.02, 1)).to.be.closeTo(1, 0.06);
  });

  it('serialises what is done under the lock of a pod', () => {
    const lock = { cpu: '0ms', lock: { mean: '20ms', shape: 'exponential' } };
    const mean = meanLatency({ threads: 999, work: lock }, { load: '35' });
    expect(mean / erlangC(35, 0.02, 1)).to.be.closeTo(1, 0.06);
  });

  it('obeys the interactive response time law with users who wait', () => {
    const client = { kind: 'closed', load: '60', think: '1s' };
    const { ledger, outcome } = ran(
      written({ threads: 8, limit: '500m', work: exponential }, client, { length: '1h', bucket: '1h' }),
    );
    const perSecond = total(outcome.clients.get('client')!.sent) / 3600;
    const response = ledger.seconds / ledger.answered;
    // Saturated: half a core gives 25 requests of 20 ms a second.
    expect(perSecond).to.be.closeTo(25, 0.5);
    expect(perSecond * (response + 1)).to.be.closeTo(60, 0.2);
  });

  it('draws work with the mean that is given, whatever its shape', () => {
    for (const shape of ['constant', 'exponential', 'lognormal', 'pareto']) {
      const work = { cpu: { mean: '20ms', shape, parameter: shape === 'pareto' ? 2.5 : 0.5 } };
      const mean = meanLatency({ threads: 999, work }, { load: '5' }, '3h');
      expect(mean, shape).to.be.closeTo(0.02, 0.001);
    }
  });
});
