import { expect } from 'chai';
import { Fields } from '../../../../common/fields.js';
import { podsByWorkload } from '../../../../scaler/kubernetes/cluster.js';
import { readPod } from '../../../../scaler/kubernetes/objects.js';
import { samplesByWorkload } from '../../../../scaler/loop/round-input.js';
import { tabulate, type SignalResult } from '../../../../scaler/loop/signals.js';
import { decide } from '../../../../scaler/core/decide-round.js';
import { detailsOf } from '../../../../scaler/core/details.js';
import type { ExplainedDecision } from '../../../../scaler/core/decision.js';
import { EMPTY_HISTORY, type History } from '../../../../scaler/core/round.js';
import { keyOf, NOW, ruleFor } from '../core/fixtures.js';

/** Sized to 70 % of the request, replicas go down after 300 s. */
const RULE = ruleFor('cart', { windows: { cpu: 60 }, decide: [] });
const LABELS = { namespace: 'shop', workload: 'cart', workload_kind: 'Deployment' };
const REQUEST = 0.2;
const HOUR = 3600;

function time(secondsAgo: number): string {
  return new Date((NOW - secondsAgo) * 1000).toISOString();
}

/** A pod of `shop/cart` that was created an hour ago and is ready, as a watch delivers it. */
function wirePod(name: string, status: object = {}, metadata: object = {}): object {
  return {
    metadata: {
      ...{ name, namespace: 'shop', labels: { 'pod-template-hash': '7d4' } },
      ownerReferences: [{ kind: 'ReplicaSet', name: 'cart-7d4', controller: true }],
      creationTimestamp: time(HOUR),
      ...metadata,
    },
    spec: { containers: [{ name: 'app', resources: { requests: { cpu: '200m' } } }] },
    status: { phase: 'Running', startTime: time(HOUR), conditions: [readiness('True', HOUR - 5)], ...status },
  };
}

function readiness(status: string, secondsAgo: number): object {
  return { type: 'Ready', status, lastTransitionTime: time(secondsAgo) };
}

function numbered(count: number, status?: object, metadata?: object): object[] {
  return Array.from({ length: count }, (_, index) => wirePod(`other-${index}`, status, metadata));
}

/** Pods `run-0`, `run-1` …, and the CPU that each uses. */
function running(...cpu: number[]): {
  readonly pods: object[];
  readonly cpu: Readonly<Record<string, number>>;
} {
  const pods = cpu.map((_, index) => wirePod(`run-${index}`));
  return { pods, cpu: Object.fromEntries(cpu.map((cores, index) => [`run-${index}`, cores])) };
}

function round(
  objects: readonly object[],
  cpu: Readonly<Record<string, number>>,
  replicas: number,
  history: History = EMPTY_HISTORY,
  now = NOW,
): ExplainedDecision {
  const total = Object.values(cpu).reduce((sum, cores) => sum + cores, 0);
  const one = (value: number) => vector([{ labels: LABELS, value }], now);
  const byPod = Object.entries(cpu).map(([pod, value]) => ({ labels: { ...LABELS, pod }, value }));
  const pods = podsByWorkload(objects.map((object) => readPod(Fields.of(object))));
  const observations = {
    signals: tabulate(
      new Map([
        ['cpu', one(total)],
        ['request', one(REQUEST)],
        ['pods', one(byPod.length)],
      ]),
      now,
    ),
    podSignals: tabulate(
      new Map([
        ['cpu', vector(byPod, now)],
        [
          'starved',
          vector(
            byPod.map((row) => ({ ...row, value: 0 })),
            now,
          ),
        ],
      ]),
      now,
    ),
    resolve: undefined,
    replicas: () => replicas,
    pods: () => pods.get(keyOf('cart')) ?? [],
  };
  const samples = samplesByWorkload(observations, [keyOf('cart')]).get(keyOf('cart'))!;
  return decide(RULE, samples, history, now);
}

function vector(
  rows: readonly { readonly labels: Record<string, string>; readonly value: number }[],
  now: number,
): SignalResult {
  const samples = rows.map((row) => ({ ...row, timestamp: now }));
  const scraped = { labels: LABELS, value: now, timestamp: now };
  return { result: { ok: true, samples }, freshness: [{ ok: true, samples: [scraped] }] };
}

/** Replicas after a full stabilization window of rounds and a minute, or as many seconds, each on the same pods. */
function settle(
  objects: readonly object[],
  cpu: Readonly<Record<string, number>>,
  replicas: number,
  seconds = 390,
): number {
  let history: History = EMPTY_HISTORY;
  for (let age = 0; age <= seconds; age += 15) {
    const decision = round(objects, cpu, replicas, history, NOW + age);
    if (decision.replicas !== replicas) return decision.replicas;
    history = decision.history;
  }
  return replicas;
}

describe('a workload with pods that have ended', () => {
  it('grows as if they were not there', () => {
    const { pods, cpu } = running(1.2 * REQUEST);
    for (const phase of ['Succeeded', 'Failed']) {
      expect(round([...pods, wirePod('ended', { phase })], cpu, 1).replicas, phase).to.equal(2);
    }
  });
});

const waiting = (reason: string) => ({ name: 'app', ready: false, state: { waiting: { reason } } });
const crashed = (secondsAgo: number, state: object) => ({
  ...{ name: 'app', ready: false, restartCount: 12, state },
  lastState: { terminated: { exitCode: 1, finishedAt: time(secondsAgo) } },
});

describe('pods that have not run for long', () => {
  const calm = running(...Array<number>(3).fill(0.1 * REQUEST));
  const rows: Record<string, object[]> = {
    'are unschedulable': numbered(7, { phase: 'Pending', startTime: undefined, conditions: [] }),
    'cannot pull their image': numbered(7, {
      ...{ phase: 'Pending', conditions: [readiness('False', HOUR)] },
      containerStatuses: [waiting('ImagePullBackOff')],
    }),
    'crash in a loop and wait': numbered(7, {
      conditions: [readiness('False', 200)],
      containerStatuses: [crashed(200, { waiting: { reason: 'CrashLoopBackOff' } })],
    }),
    'crash in a loop and have just started again': numbered(7, {
      conditions: [readiness('True', 2)],
      containerStatuses: [crashed(202, { running: { startedAt: time(2) } })],
    }),
    'are on a lost node': numbered(7, { conditions: [readiness('Unknown', HOUR - 60)] }),
    'are on a lost node and being deleted': numbered(
      7,
      { conditions: [readiness('False', HOUR - 60)] },
      { deletionTimestamp: time(HOUR - 360) },
    ),
    'are refused by a quota': [],
  };
  for (const [what, others] of Object.entries(rows)) {
    it(`${what}: they are idle, and replicas go down after the window`, () => {
      expect(round([...calm.pods, ...others], calm.cpu, 10).replicas, 'within the window').to.equal(10);
      expect(settle([...calm.pods, ...others], calm.cpu, 10)).to.equal(1);
    });

    it(`${what}: they do not order more replicas than the load of the others`, () => {
      const busy = running(...Array<number>(3).fill(1.4 * REQUEST));
      expect(round([...busy.pods, ...others], busy.cpu, 10).replicas).to.be.at.most(10);
    });
  }

  it('may be starting in their first 15 minutes: nothing is removed', () => {
    const starting = numbered(
      7,
      { phase: 'Pending', startTime: time(600) },
      { creationTimestamp: time(600) },
    );
    const decision = round([...calm.pods, ...starting], calm.cpu, 10);
    expect(decision.trace.noScaleDown).to.deep.equal(['7 of 10 pods have no data yet']);
  });

  it('may be on their way after a scale-up: nothing is removed', () => {
    const history = { ...EMPTY_HISTORY, scaleUps: [{ change: 7, at: NOW - 20, outdated: false }] };
    expect(round(calm.pods, calm.cpu, 10, history).trace.noScaleDown).not.to.deep.equal([]);
  });

  it('is said with the decision', () => {
    const decision = round([...calm.pods, ...rows['are unschedulable']!], calm.cpu, 10);
    expect(decision.trace.idlePods).to.equal(7);
    expect(detailsOf(decision).flatMap(({ rows }) => rows)).to.deep.include({
      name: 'do not run',
      text: '7 pods, idle when scaling down',
    });
  });
});

describe('pods that run and are not measured', () => {
  it('may be the busy ones: nothing is removed', () => {
    const calm = running(...Array<number>(9).fill(0.1 * REQUEST));
    const decision = round([...calm.pods, ...numbered(1)], calm.cpu, 10);
    expect(decision.trace.noScaleDown).to.deep.equal(['1 of 10 pods has no data yet']);
  });

  it('count as busy with all of their request once they have not been measured for 15 minutes', () => {
    const calm = running(...Array<number>(9).fill(0.1 * REQUEST));
    const objects = [...calm.pods, ...numbered(1)];
    expect(settle(objects, calm.cpu, 10, 890)).to.equal(10);
    // (9 × 10 % + 100 %) ÷ 70 % = 2.7
    expect(settle(objects, calm.cpu, 10, 1300)).to.equal(3);
  });

  it('stay while all of their request is more than the others leave', () => {
    const calm = running(...Array<number>(3).fill(0.1 * REQUEST));
    expect(settle([...calm.pods, ...numbered(7)], calm.cpu, 10, 1300)).to.equal(10);
  });

  it('hold again for 15 minutes once they have been measured', () => {
    const calm = running(...Array<number>(9).fill(0.1 * REQUEST));
    const unseen = round([...calm.pods, ...numbered(1)], calm.cpu, 10);
    expect(unseen.history.unseenSince).to.equal(NOW);
    const whole = running(...Array<number>(10).fill(0.1 * REQUEST));
    expect(round(whole.pods, whole.cpu, 10, unseen.history, NOW + 15).history.unseenSince).to.equal(
      undefined,
    );
  });
});
