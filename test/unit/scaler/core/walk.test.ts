import { expect } from 'chai';
import fc from 'fast-check';
import { assessAll, walkAll } from '../../../../scaler/core/decide-round.js';
import { Dependencies } from '../../../../scaler/core/dependencies.js';
import { EMPTY_HISTORY, type Edge, type RoundInput, type Samples } from '../../../../scaler/core/round.js';
import { walk } from '../../../../scaler/core/walk.js';
import { at, edgeTo, keyOf, NOW, ruleFor, samplesOf, waiter, workload } from './fixtures.js';

const WAITS = { wait: at(0.9), cpu: at(0.2) };
const OVERLOADED = { cpu: at(4.2) };

/** Walks from `web`, which waits on `edges`. */
function walkFrom(edges: Samples['edges'], workloads: RoundInput['workloads'], maxHops = 4) {
  const samples = samplesOf({ edges }, WAITS);
  const dependencies = new Dependencies(workloads, assessAll(workloads, new Map(), NOW), NOW);
  return walk({ key: keyOf('web'), rule: ruleFor('web'), samples }, dependencies, maxHops);
}

function waiting(name: string, ...edges: Edge[]) {
  return workload(name, samplesOf({ edges }, WAITS));
}

describe('the walk along dependencies', () => {
  it('finds an overloaded peer', () => {
    const found = walkFrom([edgeTo('db', 2)], new Map([workload('db', samplesOf({}, OVERLOADED))]));
    expect(found.bottleneck).to.deep.equal({
      peer: keyOf('db'),
      path: [keyOf('web'), keyOf('db')],
      share: 1,
      class: 'cpu',
      why: 'is at 3× its target',
    });
    expect(found.confidence).to.equal(1);
  });

  it('continues through peers that wait themselves', () => {
    const peers = new Map([
      waiting('api', edgeTo('cart', 1)),
      waiting('cart', edgeTo('db', 1)),
      workload('db', samplesOf({}, OVERLOADED)),
    ]);
    const found = walkFrom([edgeTo('api', 1)], peers);
    expect(found.path).to.deep.equal(['web', 'api', 'cart', 'db'].map(keyOf));
    expect(found.waitedOn).to.have.members(['api', 'cart', 'db'].map(keyOf));
  });

  it('stops after maxHops and gives that as the reason', () => {
    const peers = new Map([waiting('api', edgeTo('db', 1)), workload('db', samplesOf({}, OVERLOADED))]);
    const found = walkFrom([edgeTo('api', 1)], peers, 1);
    expect(found.bottleneck).to.equal(undefined);
    expect(found.rejected[0]?.why).to.contain('maxHops');
  });

  it('terminates in a cycle', () => {
    const peers = new Map([waiting('api', edgeTo('web', 1))]);
    const found = walkFrom([edgeTo('api', 1)], peers);
    expect(found.bottleneck).to.equal(undefined);
    expect(found.rejected).to.have.lengthOf(1);
    expect(found.rejected[0]).to.include({ peer: keyOf('web'), class: 'cycle' });
    expect(found.waitedOn).to.deep.equal([keyOf('api')]);
  });

  it('finds the way out of a cycle', () => {
    const peers = new Map([
      waiting('api', edgeTo('web', 1), edgeTo('db', 3)),
      workload('db', samplesOf({}, OVERLOADED)),
    ]);
    const found = walkFrom([edgeTo('api', 1)], peers);
    expect(found.bottleneck?.peer).to.equal(keyOf('db'));
    expect(found.confidence).to.equal(0.75);
  });

  it('divides the wait by share and sums the shares of several paths to one peer', () => {
    // 60 % of the wait leads to the database on two paths, 40 % to an overloaded cache.
    const peers = new Map([
      waiting('api', edgeTo('db', 1)),
      waiting('cart', edgeTo('db', 1)),
      workload('db', samplesOf({}, { blockio: at(0.9) })),
      workload('cache', samplesOf({}, OVERLOADED)),
    ]);
    const found = walkFrom([edgeTo('api', 3), edgeTo('cart', 3), edgeTo('cache', 4)], peers);
    expect(found.bottleneck).to.include({ peer: keyOf('db'), class: 'disk', share: 0.6 });
    expect(found.rejected).to.have.lengthOf(1);
    expect(found.rejected[0]).to.include({ peer: keyOf('cache'), share: 0.4 });
    expect(found.rejected[0]?.why).to.contain('only 40 % of the wait leads to it');
  });

  it('passes over a healthy peer', () => {
    const found = walkFrom([edgeTo('db', 10)], new Map([workload('db', samplesOf())]));
    expect(found.bottleneck).to.equal(undefined);
    expect(found.explained).to.equal(false);
    expect(found.rejected[0]).to.include({
      class: 'none',
      why: 'is not saturated (100 % of target)',
    });
  });

  it('ignores a peer that causes only a small share of the wait', () => {
    const peers = new Map([workload('db', samplesOf()), workload('cache', samplesOf({}, OVERLOADED))]);
    const found = walkFrom([edgeTo('db', 95), edgeTo('cache', 5)], peers);
    expect(found.bottleneck).to.equal(undefined);
    expect(found.waitedOn).to.deep.equal([keyOf('db')]);
  });

  it('names a peer outside the cluster', () => {
    const outside: Edge = { peer: '203.0.113.7:443', to: { type: 'external' }, wait: at(1) };
    const found = walkFrom([outside], new Map());
    expect(found.bottleneck).to.include({ peer: '203.0.113.7:443', class: 'external' });
    expect(found.waitedOn).to.deep.equal([]);
  });

  it('names an address that resolves to no single workload', () => {
    const to = { type: 'unresolved', text: 'is Service shop/db, which has no pods' } as const;
    const found = walkFrom([{ peer: '10.0.0.9:80', to, wait: at(1) }], new Map());
    expect(found.bottleneck).to.include({
      peer: '10.0.0.9:80',
      why: 'is Service shop/db, which has no pods',
    });
  });

  it('applies the waiter’s thresholds to a peer that no rule scales', () => {
    const [key, { samples, history }] = workload('db', samplesOf({}, { blockio: at(0.9) }));
    const found = walkFrom([edgeTo('db', 1)], new Map([[key, { samples, history }]]));
    expect(found.bottleneck).to.include({
      class: 'disk',
      why: 'is disk-bound (90 % of busy time) and has no rule',
    });
  });

  it('continues behind a waiting peer that no rule scales', () => {
    const [key, { samples, history }] = waiting('proxy', edgeTo('db', 1));
    const peers = new Map([[key, { samples, history }], workload('db', samplesOf({}, OVERLOADED))]);
    expect(walkFrom([edgeTo('proxy', 1)], peers).bottleneck?.peer).to.equal(keyOf('db'));
  });

  it('rejects a peer without data', () => {
    const blind = samplesOf({}, { cpu: { absent: 'missing', text: 'no series' } });
    const found = walkFrom([edgeTo('db', 1)], new Map([workload('db', blind)]));
    expect(found.bottleneck).to.equal(undefined);
    expect(found.rejected[0]?.why).to.equal('has no data for cpu');
  });

  it('reports a waiter whose peers are unknown', () => {
    for (const edges of [[], { absent: 'error', text: 'refused' } as const]) {
      const found = walkFrom(edges, new Map());
      expect(found.path).to.deep.equal([keyOf('web')]);
      expect(found.rejected).to.have.lengthOf(1);
    }
  });

  it('ignores edges that are too old', () => {
    const old: Edge = { ...edgeTo('db', 1), wait: at(1, NOW - 46) };
    const found = walkFrom([old, edgeTo('api', 1)], new Map([workload('api', samplesOf({}, OVERLOADED))]));
    expect(found.bottleneck).to.include({ peer: keyOf('api'), share: 1 });
  });

  it('terminates on a dense graph of waiters', () => {
    const names = Array.from({ length: 60 }, (_, index) => `w${index}`);
    const edges = names.map((name) => edgeTo(name, 1));
    const peers = new Map(names.map((name) => waiting(name, ...edges)));
    const found = walkFrom(edges, peers, 16);
    expect(found.bottleneck).to.equal(undefined);
  });
});

describe('an explained wait', () => {
  const db = (cpu: number) => new Map([workload('db', samplesOf({}, { cpu: at(cpu) }))]);

  it('is a wait on a peer that works on the request and has spare capacity', () => {
    const found = walkFrom([edgeTo('db', 2)], db(1.2));
    expect(found.bottleneck).to.equal(undefined);
    expect(found.explained).to.equal(true);
    expect(found.rejected[0]?.why).to.equal(
      'is not saturated (86 % of target) and its work of 1.2 cores accounts for the wait',
    );
  });

  it('is not a wait on a peer that does little work: its pool is too small, or it hangs', () => {
    expect(walkFrom([edgeTo('db', 2)], db(0.9)).explained).to.equal(false);
    expect(walkFrom([edgeTo('db', 2)], db(0)).explained).to.equal(false);
  });

  it('is not a wait whose peer shares its work among several waiters', () => {
    const peers = new Map([...db(1.2), waiting('web', edgeTo('db', 2)), waiting('other', edgeTo('db', 2))]);
    expect(walkFrom([edgeTo('db', 2)], peers).explained).to.equal(false);
  });

  it('is not a wait on a peer without data, nor on one that no longer responds', () => {
    const blind = new Map([workload('db', samplesOf({}, { lock: { absent: 'missing', text: '' } }))]);
    expect(walkFrom([edgeTo('db', 2)], blind).explained).to.equal(false);
    const found = walkFrom([edgeTo('db', 2), edgeTo('hung', 0)], db(1.2));
    expect(found.explained).to.equal(false);
    expect(found.waitedOn).to.have.members([keyOf('db'), keyOf('hung')]);
  });

  it('protects a peer that never responds', () => {
    const found = walkFrom([edgeTo('hung', 0)], new Map([workload('hung', samplesOf({}, { cpu: at(0) }))]));
    expect(found.waitedOn).to.deep.equal([keyOf('hung')]);
    expect(found.rejected.map(({ why }) => why)).to.include('has no measured peer');
  });
});

describe('the waiters of a round', () => {
  const waitersIn = (workloads: RoundInput['workloads']) =>
    walkAll(workloads, assessAll(workloads, new Map(), NOW), NOW).waiters;

  it('are listed for each workload, at any depth', () => {
    const [web, webEntry] = waiter('web', edgeTo('api', 1));
    const [api, apiEntry] = waiter('api', edgeTo('db', 1));
    const waiters = waitersIn(
      new Map([[web, webEntry], [api, apiEntry], workload('db', samplesOf({}, { cpu: at(0.1) }))]),
    );
    expect(waiters.get(keyOf('db'))).to.have.members([web, api]);
    expect(waiters.get(api)).to.deep.equal([web]);
    expect(waiters.has(web)).to.equal(false);
  });

  it('exclude workloads that wait too little or not long enough', () => {
    const peers = new Map([waiting('web', edgeTo('db', 1)), workload('db', samplesOf())]);
    expect(waitersIn(peers).size).to.equal(0);
  });
});

describe('the walks of a round, which share their results', () => {
  const NAMES = ['a', 'bb', 'ccc', 'dddd', 'eeeee', 'ffffff'];
  const state = fc.record({
    cpu: fc.constantFrom(0, 0.2, 1.4, 4),
    blockio: fc.constantFrom(0, 0.9),
    wait: fc.constantFrom(0, 0.9, 0.9),
    managed: fc.boolean(),
    edges: fc.array(fc.tuple(fc.constantFrom(...NAMES), fc.constantFrom(0, 0.1, 1, 5)), { maxLength: 5 }),
  });
  const fleet = fc.array(state, { minLength: NAMES.length, maxLength: NAMES.length });

  it('equal the walk of each waiter alone', () => {
    fc.assert(
      fc.property(fleet, (states) => {
        const peers = new Map(
          states.map(({ cpu, blockio, wait, managed, edges }, index) => {
            const signals = { cpu: at(cpu), blockio: at(blockio), wait: at(wait) };
            const samples = samplesOf(
              { edges: edges.map(([name, seconds]) => edgeTo(name, seconds)) },
              signals,
            );
            const [key, { rule, ...found }] = workload(NAMES[index]!, samples);
            const history = { ...EMPTY_HISTORY, steps: { '2:dependency': { since: NOW - 60 } } };
            return [key, { ...found, history, ...(managed && rule ? { rule } : {}) }] as const;
          }),
        );
        const assessments = assessAll(peers, new Map(), NOW);
        for (const [key, walked] of walkAll(peers, assessments, NOW).walks) {
          const { rule, samples } = peers.get(key)!;
          const alone = new Dependencies(peers, assessments, NOW);
          const { maxHops } = rule!.decide.find(({ action }) => action === 'follow')!;
          expect(walk({ key, rule: rule!, samples }, alone, maxHops)).to.deep.equal(walked);
        }
      }),
    );
  });
});
