import { expect } from 'chai';
import { decideRound, explained } from '../../../../scaler/core/decide-round.js';
import type { ExplainedDecision } from '../../../../scaler/core/decision.js';
import { EMPTY_HISTORY, type Edge, type History, type WorkloadInput } from '../../../../scaler/core/round.js';
import type { Reading, WorkloadKey } from '../../../../scaler/core/types.js';
import { fillBehavior } from '../../../../scaler/rules/defaults.js';
import { at, edgeTo, keyOf, NOW, ruleFor, samplesOf } from './fixtures.js';

/** Two pods of a core each, at 70 %: 4.2 cores are three times the target. */
const OVERLOADED = { cpu: at(4.2) };
const IDLE = { cpu: at(0.1) };
const WAITS = { cpu: at(0.2), wait: at(0.9) };
const MISSING: Reading = { absent: 'missing', text: 'no series' };
const OUTSIDE: Edge = { peer: '203.0.113.7:443', to: { type: 'external' }, wait: at(1) };
const RULE = { behavior: fillBehavior({ scaleDown: { stabilizationWindowSeconds: 0 } }) };
/** Every step's conditions have held for longer than its `for`. */
const HELD: History = {
  ...EMPTY_HISTORY,
  recommendations: [{ replicas: 1, at: NOW - 10 }],
  steps: Object.fromEntries(['0:disk', '2:dependency', '3:lock'].map((step) => [step, { since: NOW - 60 }])),
};

interface Member {
  readonly signals?: Readonly<Record<string, Reading>>;
  readonly edges?: readonly Edge[];
  readonly unmanaged?: true;
}
type Fleet = Readonly<Record<string, Member>>;

/** Decides one round over a fleet of two-pod workloads, as the live loop does. */
function decideFleet(fleet: Fleet): ReadonlyMap<string, ExplainedDecision> {
  const workloads = new Map<WorkloadKey, WorkloadInput>();
  for (const [name, { signals = {}, edges = [], unmanaged }] of Object.entries(fleet)) {
    const rule = unmanaged ? {} : { rule: ruleFor(name, RULE) };
    workloads.set(keyOf(name), { ...rule, samples: samplesOf({ edges }, signals), history: HELD });
  }
  const targets = [...workloads].filter(([, { rule }]) => rule).map(([key]) => key);
  const decisions = new Map<string, ExplainedDecision>();
  for (const [key, decision] of decideRound({ workloads, targets }, NOW)) {
    const rule = workloads.get(key)!.rule!;
    decisions.set(rule.scale, explained(rule, decision));
  }
  return decisions;
}

interface Expected {
  /** Bottleneck that `web` waits on; undefined if nothing explains the wait. */
  readonly bottleneck?: string;
  readonly class?: string;
  readonly path?: readonly string[];
  readonly confidence: number;
  /** Part of the reason for the rejection, by peer. */
  readonly rejected?: Readonly<Record<string, string>>;
  /** Replicas of each workload that does not keep its two. */
  readonly scaled?: Readonly<Record<string, number>>;
}

const CASES: [what: string, fleet: Fleet, expected: Expected][] = [
  [
    'several hops',
    {
      web: { signals: WAITS, edges: [edgeTo('api', 1)] },
      api: { signals: WAITS, edges: [edgeTo('cart', 1)] },
      cart: { signals: WAITS, edges: [edgeTo('db', 1)] },
      db: { signals: OVERLOADED },
    },
    { bottleneck: 'db', class: 'cpu', path: ['web', 'api', 'cart', 'db'], confidence: 1, scaled: { db: 6 } },
  ],
  [
    'fan-out with shares',
    {
      web: { signals: WAITS, edges: [edgeTo('db', 3), edgeTo('cache', 1)] },
      db: { signals: OVERLOADED },
      cache: { signals: { cpu: at(2.8) } },
    },
    {
      bottleneck: 'db',
      path: ['web', 'db'],
      confidence: 0.75,
      rejected: { cache: 'only 25 % of the wait leads to it' },
      scaled: { db: 6, cache: 4 },
    },
  ],
  [
    'a cycle',
    {
      web: { signals: WAITS, edges: [edgeTo('api', 1)] },
      api: { signals: WAITS, edges: [edgeTo('web', 1)] },
    },
    { confidence: 0, rejected: { web: 'is already on the path' } },
  ],
  [
    'a disk-bound database that two waiters share',
    {
      web: { signals: WAITS, edges: [edgeTo('db', 1)] },
      api: { signals: WAITS, edges: [edgeTo('db', 1)] },
      db: { signals: { ...OVERLOADED, blockio: at(0.9) } },
    },
    { bottleneck: 'db', class: 'disk', path: ['web', 'db'], confidence: 1 },
  ],
  [
    'two waiters on one bottleneck, which is sized once, by its own ratio',
    {
      web: { signals: WAITS, edges: [edgeTo('db', 5)] },
      api: { signals: WAITS, edges: [edgeTo('db', 5)] },
      db: { signals: OVERLOADED },
    },
    { bottleneck: 'db', class: 'cpu', confidence: 1, scaled: { db: 6 } },
  ],
  [
    'a peer outside the cluster',
    { web: { signals: WAITS, edges: [OUTSIDE] } },
    { bottleneck: OUTSIDE.peer, class: 'external', confidence: 1 },
  ],
  [
    'a peer without a rule',
    { web: { signals: WAITS, edges: [edgeTo('db', 1)] }, db: { signals: OVERLOADED, unmanaged: true } },
    { bottleneck: 'db', class: 'unmanaged', path: ['web', 'db'], confidence: 1 },
  ],
  [
    'a disk-bound peer',
    { web: { signals: WAITS, edges: [edgeTo('db', 1)] }, db: { signals: { ...IDLE, blockio: at(0.9) } } },
    { bottleneck: 'db', class: 'disk', confidence: 1 },
  ],
  [
    'a lock-bound peer',
    { web: { signals: WAITS, edges: [edgeTo('db', 1)] }, db: { signals: { ...IDLE, lock: at(0.9) } } },
    { bottleneck: 'db', class: 'lock', confidence: 1 },
  ],
  [
    'evidence on one side only: the peer is idle',
    { web: { signals: WAITS, edges: [edgeTo('db', 1)] }, db: { signals: IDLE } },
    { confidence: 0, rejected: { db: 'is not saturated' } },
  ],
  [
    'evidence on one side only: the peer has no data',
    {
      web: { signals: WAITS, edges: [edgeTo('db', 1)] },
      db: { signals: { cpu: MISSING, blockio: MISSING } },
    },
    { confidence: 0, rejected: { db: 'has no data for' } },
  ],
  [
    'evidence on one side only: the waiter has no measured connection',
    { web: { signals: WAITS }, db: { signals: OVERLOADED } },
    { confidence: 0, rejected: { web: 'has no measured peer' }, scaled: { db: 6 } },
  ],
];

const nameOf = (peer: string): string => peer.replace('shop/Deployment/', '');

describe('a workload that waits', () => {
  for (const [what, fleet, expected] of CASES) {
    it(`has only its bottleneck scaled: ${what}`, () => {
      const decisions = decideFleet(fleet);
      const web = decisions.get('web')!;
      expect(web).to.include({ class: 'dependency', action: 'follow', replicas: 2 });
      const { bottleneck, path, confidence, rejected } = web.trace.walk!;
      expect(bottleneck && nameOf(bottleneck.peer)).to.equal(expected.bottleneck);
      expect(confidence).to.equal(expected.confidence);
      if (expected.class) expect(bottleneck?.class).to.equal(expected.class);
      if (expected.path) expect(path.map(nameOf)).to.deep.equal(expected.path);
      for (const [peer, why] of Object.entries(expected.rejected ?? {})) {
        expect(rejected.find((candidate) => nameOf(candidate.peer) === peer)?.why).to.contain(why);
      }
      if (expected.bottleneck)
        expect(web.reason).to.match(
          new RegExp(`^Waiting on ${bottleneck!.peer.replace('/Deployment', '')} .*the bottleneck: it `),
        );
      for (const [name, { replicas }] of decisions) {
        expect(replicas, name).to.equal(expected.scaled?.[name] ?? 2);
      }
    });
  }

  it('prevents the scale-down of the peer that it waits on', () => {
    const alone = decideFleet({ db: { signals: IDLE } }).get('db')!;
    expect(alone.replicas).to.equal(1);
    const db = decideFleet({ web: { signals: WAITS, edges: [edgeTo('db', 1)] }, db: { signals: IDLE } }).get(
      'db',
    )!;
    expect(db.replicas).to.equal(2);
    expect(db.trace.noScaleDown).to.deep.equal(['shop/web waits on it']);
  });
});
