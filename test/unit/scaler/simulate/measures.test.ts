import { expect } from 'chai';
import type { Measures } from '../../../../scaler/core/measures.js';
import type { Samples } from '../../../../scaler/core/round.js';
import type { Absent } from '../../../../scaler/core/types.js';
import type { Controller, ServiceView } from '../../../../scaler/simulate/controller.js';
import { total, ran, written, type Written } from './fixtures.js';

function measured(measures: Measures | Absent | undefined): Measures {
  if (!measures || 'absent' in measures) throw new Error('nothing is measured');
  return measures;
}

/** The same over the settled window. */
function settledOf(...run: Parameters<typeof seen>): Measures {
  return measured(seen(...run).samples.windows?.settled);
}

/** What is seen of the service at the end of a run. */
function seen(service: Written, client: Written, more: Written = {}) {
  let samples: Samples | undefined;
  let view: ServiceView | undefined;
  const controller: Controller = {
    name: 'spy',
    interval: 10,
    decide: ({ services }) => {
      view = services.get('web')!;
      samples = view.samples([0.99]);
      return new Map();
    },
  };
  const { outcome } = ran(written(service, client, more), controller);
  return { samples: samples!, view: view!, outcome };
}

describe('what is measured of a simulated service', function () {
  this.timeout(60_000);

  it('shows the rates of the counters, over both windows', () => {
    const { samples } = seen(
      { replicas: 2, threads: 8, work: { cpu: '10ms', disk: '5ms' }, calls: [{ to: 'db' }] },
      { load: '50', arrivals: 'even' },
      { outside: [{ name: 'db', time: '40ms' }] },
    );
    const settled = measured(samples.windows?.settled);
    const recent = measured(samples.windows?.recent);
    for (const { states, serving, requests, calls, pods } of [settled, recent]) {
      expect(pods).to.equal(2);
      expect(requests).to.include({ abandoned: 0, dropped: 0, retried: 0 });
      expect(requests!.arrived).to.be.closeTo(50, 3);
      expect(requests!.answered).to.be.closeTo(50, 3);
      expect(requests!.outstanding).to.be.closeTo(50 * 0.055, 0.3);
      expect(requests!.served).to.be.closeTo(50 * 0.055, 0.3);
      expect(states.oncpu).to.be.closeTo(0.5, 0.05);
      expect(serving).to.deep.include({ oncpu: states.oncpu, disk: states.disk, network: states.network });
      expect(states.network).to.be.closeTo(2, 0.15);
      expect(Object.values(states).reduce((sum, rate) => sum + rate)).to.be.closeTo(16, 0.1);
      expect(calls).to.have.lengthOf(1);
      expect(calls[0]).to.deep.include({ to: { type: 'external' }, abandoned: 0, failed: 0 });
      expect(calls[0]!.waited / calls[0]!.answered).to.be.closeTo(0.04, 1e-6);
    }
    expect(samples.signals).to.have.keys(
      ...['cpu', 'blockio', 'wait', 'lock', 'request', 'pods', 'latency_p99'],
    );
    expect(samples).to.deep.include({ replicas: 2, template: 'v0' });
    expect(samples.pods).to.have.lengthOf(2);
  });

  it('starves healthy pods less than saturated ones, and pods without a quota not at all (HARM)', () => {
    const starved = (limit: string, share: number, threads: unknown): number => {
      const work = { cpu: { mean: '10ms', shape: 'exponential' } };
      const load = String((share * 0.1) / 0.01);
      return settledOf({ request: '100m', limit, threads, work }, { load, timeout: '5s' }).starved!;
    };
    for (const threads of ['loop', 4, 16, 64, 'unbounded']) {
      expect(starved('none', 0.7, threads), `none, ${String(threads)}`).to.be.below(0.1);
      expect(starved('2x', 0.7, threads), `2x, ${String(threads)}`).to.be.below(0.3);
      expect(starved('request', 0.7, threads), `request, ${String(threads)}`).to.be.within(0.1, 0.6);
      expect(starved('request', 1.2, threads), `saturated, ${String(threads)}`).to.be.above(0.8);
    }
  });

  it('sees what an event loop waits for in its poller, and a disk in other threads', () => {
    const settled = settledOf(
      { threads: 'loop', work: { cpu: '1ms', disk: '10ms' }, calls: [{ to: 'db' }] },
      { load: '100' },
      { outside: [{ name: 'db', time: '100ms' }] },
    );
    expect(settled.states.network).to.be.within(0.8, 1);
    expect(settled.serving!.network).to.equal(settled.states.network);
    expect(settled.states.disk).to.be.above(0.5);
    expect(settled.serving!.disk).to.equal(0);
  });

  it('counts the pauses of users, and their number', () => {
    const settled = settledOf({}, { kind: 'closed', load: '40', think: '2s' });
    const { requests, seconds } = settled.requests!.thought;
    expect(requests).to.be.closeTo(settled.requests!.answered, 1);
    expect(seconds + settled.requests!.outstanding).to.be.closeTo(40, 3);
    expect(settledOf({}, { load: '40' }).requests!.thought.requests).to.equal(0);
  });

  it('counts a log flusher, but not as serving, and consumers without requests', () => {
    const background = [{ every: '1s', cpu: '50ms', disk: '800ms' }];
    const settled = settledOf({ background, work: { cpu: '0ms' } }, { load: '1' });
    expect(settled.states.disk).to.be.closeTo(0.8, 0.1);
    expect(settled.states.oncpu).to.be.closeTo(0.05, 0.01);
    expect(settled.serving).to.include({ disk: 0, oncpu: 0 });
    const consumer = seen({ threads: 4 }, { kind: 'queue', load: '50' });
    const consumed = measured(consumer.samples.windows?.settled);
    expect(consumed.states.oncpu).to.be.closeTo(0.5, 0.1);
    expect(consumed.requests).to.include({ arrived: 0, answered: 0 });
    const { sent, inTime } = consumer.outcome.clients.get('client')!;
    expect(total(inTime) / total(sent)).to.be.above(0.99);
  });

  it('has nothing to say while Prometheus is down, and metrics-server goes on', () => {
    const { samples, view } = seen({}, {}, { faults: [{ kind: 'prometheus', at: '5m' }] });
    expect(samples.windows?.settled).to.include({ absent: 'error' });
    expect(samples.signals['cpu']).to.include({ absent: 'error' });
    expect(view.pods[0]!.usage).to.include({ window: 15 });
  });
});
