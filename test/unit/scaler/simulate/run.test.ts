import { expect } from 'chai';
import type { Controller } from '../../../../scaler/simulate/controller.js';
import {
  ABANDONED,
  ANSWERED,
  ARRIVED,
  DROPPED,
  IN_VAIN,
  OUTSTANDING,
  PEER_COUNTERS,
  PEERS,
  RETRIED,
  SENT,
  SENT_ABANDONED,
  SENT_ANSWERED,
  SENT_FAILED,
  SENT_OUTSTANDING,
} from '../../../../scaler/simulate/counters.js';
import { Random } from '../../../../scaler/simulate/random.js';
import { badSeconds } from '../../../../scaler/simulate/outcome.js';
import { ran, scenario, total, written, type Written } from './fixtures.js';

/** Orders a number of replicas at a time. */
function scales(to: number, at: number): Controller {
  return { name: 'scales', interval: 10, decide: (_, now) => new Map(now === at ? [['web', to]] : []) };
}

/** A chain with everything in it. */
function chain(more: Written = {}) {
  const work = {
    cpu: { mean: '5ms', shape: 'lognormal', parameter: 1 },
    lock: '1ms',
    disk: '1ms',
    sleep: '2ms',
  };
  return {
    name: 'chain',
    seed: 7,
    length: '10m',
    services: [
      {
        name: 'web',
        replicas: 2,
        request: '500m',
        limit: '2x',
        readiness: {},
        calls: [
          { to: 'leaf', timeout: '1s', retries: 1, pool: 4 },
          { to: 'db', probability: 0.5 },
        ],
        work,
      },
      {
        name: 'leaf',
        replicas: 2,
        request: '500m',
        limit: 'request',
        threads: 'loop',
        abandoned: 'skip',
        work,
      },
    ],
    outside: [{ name: 'db', time: '5ms', capacity: 4 }],
    clients: [{ to: 'web', load: '50 150@5m', timeout: '2s', retries: 2 }],
    ...more,
  };
}

describe('a simulated run', function () {
  this.timeout(60_000);

  it('loses no request: arrived = answered + abandoned + dropped + outstanding, in each pod', () => {
    for (const threads of [4, 'loop', 'unbounded']) {
      for (const abandoned of ['work', 'skip']) {
        const service = { replicas: 2, limit: 'request', threads, abandoned };
        const { world, ledger, outcome } = ran(
          written(service, { load: '50 150@5m', timeout: '1s', retries: 1 }),
        );
        for (const { counters } of world.scraped.get('web')!.pods.keys()) {
          const at = (counter: number): number => Math.round(counters.at(counter, 0));
          expect(at(ARRIVED)).to.equal(
            at(ANSWERED) + at(ABANDONED) + at(DROPPED) + counters.level(OUTSTANDING),
          );
          expect(abandoned === 'skip' ? at(ABANDONED) : at(IN_VAIN)).to.be.above(0);
          expect(abandoned === 'skip' ? at(IN_VAIN) : at(ABANDONED)).to.equal(0);
          expect(at(RETRIED)).to.be.above(0);
        }
        const { sent, inTime, late, failed } = outcome.clients.get('client')!;
        expect(total(sent) - total(inTime) - total(late) - total(failed)).to.be.within(0, 600);
        expect(total(inTime) + total(late)).to.equal(ledger.answered);
      }
    }
  });

  it('loses no request and no call where pods come and go, time out and fail', () => {
    for (const seed of [1, 2, 3, 4]) {
      const random = new Random(seed, 'replicas');
      const decide = () => new Map(['web', 'leaf'].map((name) => [name, random.below(5)]));
      const faults = [
        { kind: 'hang', to: 'leaf', at: '1m', for: '1m' },
        { kind: 'slow', to: 'db', factor: 50, at: '3m', for: '1m' },
        { kind: 'rollout', service: 'leaf', cpuFactor: 1, at: '5m' },
        { kind: 'refuse', to: 'leaf', at: '7m', for: '1m' },
      ];
      const nodes = { count: 2, cores: 2 };
      const { world, outcome } = ran(scenario(chain({ seed, faults, nodes })), {
        name: 'random',
        interval: 20,
        decide,
      });
      for (const [name, { pods }] of world.scraped) {
        for (const { counters } of pods.keys()) {
          const at = (counter: number): number => Math.round(counters.at(counter, 0));
          const ended = at(ANSWERED) + at(ABANDONED) + at(DROPPED);
          expect(at(ARRIVED), name).to.equal(ended + counters.level(OUTSTANDING));
          for (let peer = PEERS; peer < counters.size; peer += PEER_COUNTERS) {
            const over = at(peer + SENT_ANSWERED) + at(peer + SENT_ABANDONED) + at(peer + SENT_FAILED);
            expect(at(peer + SENT), name).to.equal(over + counters.level(peer + SENT_OUTSTANDING));
          }
        }
      }
      const { sent, inTime, late, failed } = outcome.clients.get('client')!;
      expect(total(sent) - total(inTime) - total(late) - total(failed)).to.be.within(0, 1050);
    }
  });

  it('gives the same run for the same seed, and another for another', () => {
    const outcomeOf = (seed: number) => ran(scenario(chain({ seed })), scales(5, 360)).outcome;
    const first = outcomeOf(7);
    expect(outcomeOf(7)).to.deep.equal(first);
    expect(outcomeOf(8).events).not.to.equal(first.events);
  });

  it('gives a service the same run whatever else is simulated beside it', () => {
    const beside = { name: 'other', request: 1, work: { cpu: '5ms' } };
    const client = { name: 'others', to: 'other', load: '20' };
    const { services, clients, ...more } = chain();
    const alone = ran(scenario({ ...more, services, clients }));
    const both = ran(scenario({ ...more, services: [...services, beside], clients: [...clients, client] }));
    expect(both.outcome.clients.get('client')).to.deep.equal(alone.outcome.clients.get('client'));
  });

  it('starts pods after their start-up, and lets those that go answer first', () => {
    const service = { limit: 'request', startup: '40s', cores: 1 };
    const up = ran(written(service, { load: '80', timeout: '2s' }), scales(4, 100));
    const { inTime, sent } = up.outcome.clients.get('client')!;
    const share = (from: number, to: number) => total(inTime.slice(from, to)) / total(sent.slice(from, to));
    expect(share(60, 138)).to.be.below(0.2);
    // The first pod works off what was given up before it is quick again.
    expect(share(400, 580)).to.be.above(0.99);
    expect(up.outcome.orders).to.deep.equal([{ at: 100, service: 'web', from: 1, to: 4 }]);
    expect(up.outcome.services.get('web')!.replicaSeconds).to.be.closeTo(600 + 3 * 500, 1e-6);
    const down = ran(written({ ...service, replicas: 4 }, { load: '20' }), scales(1, 100));
    expect(total(down.outcome.clients.get('client')!.failed)).to.equal(0);
    expect(down.outcome.services.get('web')!.replicaSeconds).to.be.within(900, 901);
  });

  it('takes pods that starve out of the endpoints, and back', () => {
    const service = { replicas: 2, limit: 'request', readiness: {}, threads: 4 };
    const { service: web, outcome } = ran(written(service, { load: '20 400@2m 5@4m', timeout: '1s' }));
    const { failed } = outcome.clients.get('client')!;
    // Without endpoints, connections are refused at once.
    expect(total(failed.slice(200, 240))).to.be.above(0.9 * 40 * 300);
    expect(web.ready).to.equal(2);
  });

  it('rolls out a template pod by pod, without a loss', () => {
    const faults = [{ kind: 'rollout', at: '2m', service: 'web', cpuFactor: 2 }];
    const { world, service, outcome, ledger } = ran(written({ replicas: 4 }, { load: '50' }, { faults }));
    expect(service.template).to.equal('v1');
    expect(service.ready).to.equal(4);
    expect(total(outcome.clients.get('client')!.failed)).to.equal(0);
    expect(ledger.answered).to.be.above(29_000);
    expect(world.scraped.get('web')!.pods.size).to.equal(4);
  });

  it('places pods on nodes while there is room, and shares a busy node by requests', () => {
    const nodes = { count: 1, cores: 2 };
    const full = ran(written({ replicas: 3, request: '900m' }, {}, { nodes }));
    expect(full.service.pods.map(({ startedAt }) => startedAt)).to.deep.equal([0, 0, undefined]);
    const busy = { threads: 16, request: '1' };
    const crowd = [{ kind: 'neighbours', at: '5m', cores: 3 }];
    const { outcome } = ran(written(busy, { load: '80', timeout: '2s' }, { nodes, faults: crowd }));
    const { sent, inTime } = outcome.clients.get('client')!;
    const share = (from: number, to: number) => total(inTime.slice(from, to)) / total(sent.slice(from, to));
    expect(share(0, 290)).to.equal(1);
    // One of four parts of two cores: half a core, for 0.8 that are asked for.
    expect(share(400, 590)).to.be.below(0.7);
  });

  const leafFaults: readonly [name: string, fault: Written][] = [
    ['cpu', { kind: 'cpu', service: 'leaf', factor: 20 }],
    ['cpuShare', { kind: 'cpuShare', service: 'leaf', share: 0.05 }],
    ['disk', { kind: 'disk', service: 'leaf', factor: 40 }],
    ['lock', { kind: 'lock', service: 'leaf', time: '100ms' }],
    ['slow', { kind: 'slow', to: 'db', factor: 2000 }],
    ['sleep', { kind: 'sleep', to: 'leaf', time: '2s' }],
    ['hang', { kind: 'hang', to: 'leaf' }],
    ['hang outside', { kind: 'hang', to: 'db' }],
    ['refuse', { kind: 'refuse', to: 'leaf' }],
    ['failFast', { kind: 'failFast', to: 'leaf' }],
    ['pool', { kind: 'pool', service: 'web', to: 'db', size: 1 }],
  ];
  for (const [name, fault] of leafFaults) {
    it(`hurts while the fault "${name}" lasts, and no longer`, () => {
      const client = { to: 'web', load: '30', timeout: '2s', objective: { latency: '400ms' } };
      const db = { name: 'db', time: name === 'pool' ? '150ms' : '5ms' };
      const faults = [{ ...fault, at: '2m', for: '2m' }];
      const more = { clients: [client], outside: [db], faults, bucket: '10s' };
      const { outcome } = ran(scenario(chain(more)));
      const counts = outcome.clients.get('client')!;
      expect(badSeconds(outcome, counts, 0.9, 0, 120), 'before').to.equal(0);
      expect(badSeconds(outcome, counts, 0.9, 120, 240), 'meanwhile').to.be.at.least(90);
      expect(badSeconds(outcome, counts, 0.9, 300, 600), 'after').to.be.at.most(30);
    });
  }
});
