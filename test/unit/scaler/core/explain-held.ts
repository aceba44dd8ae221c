import { EMPTY_HISTORY, type Edge, type History, type Samples } from '../../../../scaler/core/round.js';
import type { DecideStep, Reading, Rule } from '../../../../scaler/core/types.js';
import { decide } from '../../../../scaler/core/decide-round.js';
import { AT_ONCE, HISTORY, NO_SERIES, on, pods, SMALL, small, type Case } from './explain-sized.js';
import { at, decideAmong, edgeTo, keyOf, NOW, ruleFor, samplesOf, waiter, workload } from './fixtures.js';

const UNREACHABLE: Reading = { absent: 'error', text: 'Prometheus at 127.0.0.1:9090 is unreachable' };
const OUTAGE = Object.fromEntries(
  ['cpu', 'request', 'pods', 'blockio', 'wait', 'lock'].map((signal) => [signal, UNREACHABLE]),
);
const IDLE = { after: 1800, replicas: 0, activation: { signal: 'activation', above: 0 } };
const OUTSIDE: Edge = { peer: '203.0.113.7:443', to: { type: 'external' }, wait: at(1) };
const STEP = { for: 0, keepFor: 0, action: 'hold', maxHops: 4 } as const;
const KEPT: DecideStep = { ...STEP, bound: 'disk', when: { blockio: { above: 0.4 } }, keepFor: 60 };
const POOL: DecideStep = {
  ...STEP,
  bound: 'pool',
  when: { connections: { above: 90 }, target: { below: 1 } },
};

function held(step: string, seconds: number): History {
  return { ...HISTORY, steps: { [step]: { since: NOW - seconds } } };
}

/** Decides on a workload that waits, in a round with its peers. */
function waiting(
  others: ReturnType<typeof workload>[],
  edges: Samples['edges'],
  changes: Partial<Rule> = {},
) {
  const rule = ruleFor('web', changes);
  const samples = samplesOf({ edges }, { wait: at(0.968), cpu: at(0.4) });
  const history = held('2:dependency', 25);
  return decideAmong(others, rule, samples, history, NOW);
}

/** Workloads that are held: without data, by their class or by the peer that they wait on. */
export const HELD: readonly Case[] = [
  [
    'does not shrink without the data of all pods',
    () => on(small(6, 0.6, { pods: at(5) }), { behavior: AT_ONCE }),
    'noScaleDown none 6 → 6',
    '5 replicas would be enough, but 1 of 6 pods has no data yet, so nothing is removed',
    'every pod is ready and measured',
  ],
  [
    'has a fallback, without data for longer than that allows',
    () => {
      const history = { ...HISTORY, absence: { since: NOW - 120 } };
      const rule = { ...SMALL, fallback: { after: 120, replicas: 6 } };
      return decide(rule, small(4, 0.25, OUTAGE), history, NOW);
    },
    'fallback unknown 4 → 6',
    'Prometheus at 127.0.0.1:9090 is unreachable since 2023-11-14T22:11:20Z. The fallback keeps at least 6 replicas',
    'all signals have data',
  ],
  [
    'sleeps',
    () => on(small(0, 0, { activation: at(0) }), { idle: IDLE }, { ...HISTORY, sleep: { asleep: true } }),
    'idle none 0 → 0',
    'Idle: activation is 0, not above 0',
    'activation is above 0, or cannot be read',
  ],
  [
    'wakes',
    () => on(small(0, 0, { activation: at(4) }), { idle: IDLE }, { ...HISTORY, sleep: { asleep: true } }),
    'activation none 0 → 1',
    'Activation is 4, above 0: woken to minReplicas (1)',
    'there is neither activation nor demand',
  ],
  [
    'does not shrink without some signals',
    () => on(small(4, 0.25, { wait: NO_SERIES, lock: NO_SERIES }), { behavior: AT_ONCE }),
    'noScaleDown unknown 4 → 4',
    '2 replicas would be enough, but no data for wait, lock (no series), so nothing is removed',
    'there is data for wait, lock',
  ],
  [
    'does not shrink while another waits on it',
    () => {
      const front = waiter('front', edgeTo('web', 1));
      return decideAmong([front], { ...SMALL, behavior: AT_ONCE }, small(4, 0.25), HISTORY, NOW);
    },
    'noScaleDown none 4 → 4',
    '2 replicas would be enough, but shop/front waits on it, so nothing is removed',
    'this no longer holds: shop/front waits on it',
  ],
  [
    'has no pod with data to size it by',
    () => on(pods([undefined, undefined])),
    'noData unknown 2 → 2',
    'No pod of 2 is ready and measured yet. Holding; nothing is scaled on missing data',
    'this no longer holds: no pod of 2 is ready and measured yet',
  ],
  [
    'counts pods without data at their request',
    () => on({ ...pods([0.01, 0.01, 0.01, undefined]), replicas: 3 }, { behavior: AT_ONCE }),
    'none none 3 → 2',
    'CPU demand 0.23 cores with 1 unmeasured pod at its request; 4 pods × 0.14-core target = 0.56 (0.41×). 2 replicas needed',
    'CPU demand is above 0.312 cores or below 0.14 cores',
  ],
  [
    'counts pods without data as idle',
    () => on(pods([0.6, 0.6, undefined])),
    'scaleUpLimit cpu 3 → 7',
    'CPU demand 1.2 cores with 1 unmeasured pod as idle; 3 pods × 0.14-core target = 0.42 (2.9×). 9 replicas needed, scaleUp policy allows 7 now',
    'the period of the scaleUp policy ends',
  ],
  [
    'is within the tolerance if pods without data are counted',
    () => on(pods([0.01, undefined, undefined, undefined])),
    'tolerance cpu 4 → 4',
    'CPU demand 0.61 cores with 3 unmeasured pods at their request; 4 pods × 0.14-core target = 0.56 (1.09×), within the 10 % tolerance',
    'CPU demand is above 0.624 cores or below 0.42 cores',
  ],
  [
    'is idle only if pods without data are not counted',
    () => on(pods([0, undefined, undefined, undefined, undefined])),
    'unmeasuredPods cpu 5 → 5',
    'Idle (0 cores; target 0.14 per pod), but counting 4 unmeasured pods at their request reverses the direction, so nothing changes',
    'every pod is ready and measured',
  ],
  [
    'is just outside the tolerance, but within it in the whole percents of HPA',
    () => on(small(4, 0.623)),
    'tolerance cpu 4 → 4',
    'CPU demand 0.623 cores; 4 pods × 0.14-core target = 0.56 (1.11×, 1.1× as HPA counts), within the 10 % tolerance',
    'CPU demand is above 0.624 cores or below 0.42 cores',
  ],
  [
    'does not reverse the direction on starting pods',
    () => on(pods([0.2, 0.2, 0.2], [{}, { ready: 'False', startedAt: NOW - 60 }, { phase: 'Pending' }])),
    'unmeasuredPods none 3 → 3',
    'CPU demand 0.2 cores; 1 pod × 0.14-core target = 0.14 (1.43×), but counting 2 unready pods as idle reverses the direction, so nothing changes',
    'every pod is ready and measured',
  ],
  [
    'cannot reach Prometheus',
    () => on(small(4, 0, OUTAGE)),
    'noData unknown 4 → 4',
    'Prometheus at 127.0.0.1:9090 is unreachable. Holding; nothing is scaled on missing data',
    'all signals have data',
  ],
  [
    'has no demand',
    () => on(small(4, 0, { cpu: NO_SERIES })),
    'noData unknown 4 → 4',
    'No data for cpu (no series). Holding; nothing is scaled on missing data',
    'there is data for cpu',
  ],
  [
    'has data that is too old',
    () => on(small(4, 0, { cpu: at(1, NOW - 60), lock: NO_SERIES })),
    'noData unknown 4 → 4',
    'No data for cpu (last sample is 60 s old, limit 45 s), and 1 more reason. Holding; nothing is scaled on missing data',
    'there is data for cpu, lock',
  ],
  [
    'requests no CPU',
    () => on(small(4, 1, { request: at(0) })),
    'noData unknown 4 → 4',
    'No data for request (the pods request no CPU; set a request or use averageValue). Holding; nothing is scaled on missing data',
    'there is data for request',
  ],
  [
    'is disk-bound',
    () => on(small(4, 1.01, { blockio: at(0.744) }), {}, held('0:disk', 70)),
    'hold disk 4 → 4',
    'Disk-bound: 74 % of busy time blocked on disk (limit 40 %) for 70 s. More replicas would add contention',
    'at most 40 % of busy time is spent blocked on disk. CPU demand alone calls for 8 replicas',
  ],
  [
    'is lock-bound',
    () => on(small(4, 0.5, { lock: at(0.8) }), {}, held('3:lock', 30)),
    'hold lock 4 → 4',
    'Lock-bound: 80 % of busy time waiting for locks (limit 50 %) for 30 s. More replicas would not relieve a lock inside one process',
    'at most 50 % of busy time is spent waiting for locks. CPU demand alone would not change the replica count',
  ],
  [
    'is lock-bound almost all of the time',
    () => on(small(4, 0.5, { lock: at(0.994295) }), {}, held('3:lock', 60)),
    'hold lock 4 → 4',
    'Lock-bound: 99.4 % of busy time waiting for locks (limit 50 %) for 60 s. More replicas would not relieve a lock inside one process',
    'at most 50 % of busy time is spent waiting for locks. CPU demand alone would not change the replica count',
  ],
  [
    'was disk-bound until now',
    () =>
      on(
        small(4, 1.01, { blockio: at(0.1) }),
        { decide: [KEPT] },
        { ...HISTORY, steps: { '0:disk': { lastMatch: NOW - 20 } } },
      ),
    'hold disk 4 → 4',
    'Disk-bound recently, kept for 60 s: now 10 % of busy time blocked on disk (limit 40 %). More replicas would add contention',
    'keepFor (60 s) has passed. CPU demand alone calls for 8 replicas',
  ],
  [
    'is held by a custom step',
    () =>
      decide(
        ruleFor('web', { decide: [POOL] }),
        samplesOf({}, { connections: at(97), cpu: at(0.7) }),
        HISTORY,
        NOW,
      ),
    'hold pool 2 → 2',
    'Pool-bound: connections 97 (limit 90) and demand 0.5× target (below 1×)',
    'connections is at most 90 or demand is at least 1× target. CPU demand alone calls for 1 replica',
  ],
  [
    'waits on a bottleneck',
    () => waiting([workload('db', samplesOf({}, { cpu: at(4.2) }))], [edgeTo('db', 1)]),
    'dependency dependency 2 → 2',
    'Waiting on shop/db (97 % of busy time, 25 s), the bottleneck: it is at 3× its target',
    'at most 50 % of busy time is spent waiting on peers. CPU demand alone calls for 1 replica',
  ],
  [
    'waits on a bottleneck behind another',
    () =>
      waiting(
        [waiter('api', edgeTo('db', 1)), workload('db', samplesOf({}, { cpu: at(0.1), blockio: at(0.9) }))],
        [edgeTo('api', 9), OUTSIDE],
      ),
    'dependency dependency 2 → 2',
    'Waiting on shop/db behind shop/api (97 % of busy time, 25 s), the bottleneck: it is disk-bound (90 % of busy time); 90 % of the wait leads there',
    'at most 50 % of busy time is spent waiting on peers. CPU demand alone calls for 1 replica',
  ],
  [
    'waits on a peer outside the cluster',
    () => waiting([], [OUTSIDE]),
    'dependency dependency 2 → 2',
    'Waiting on 203.0.113.7:443 (97 % of busy time, 25 s), the bottleneck: it is outside the cluster',
    'at most 50 % of busy time is spent waiting on peers. CPU demand alone calls for 1 replica',
  ],
  [
    'waits on a peer without a rule',
    () => waiting([[keyOf('db'), { samples: samplesOf(), history: EMPTY_HISTORY }]], [edgeTo('db', 1)]),
    'dependency dependency 2 → 2',
    'Waiting on shop/db (97 % of busy time, 25 s), the bottleneck: it has no rule',
    'at most 50 % of busy time is spent waiting on peers. CPU demand alone calls for 1 replica',
  ],
  [
    'waits on a peer that is not saturated',
    () => waiting([workload('db', samplesOf({}, { cpu: at(1.06) }))], [edgeTo('db', 5)]),
    'dependency dependency 2 → 2',
    'Waiting on shop/db (97 % of busy time, 25 s). shop/db is not saturated (76 % of target), so nothing is scaled',
    'at most 50 % of busy time is spent waiting on peers. CPU demand alone calls for 1 replica',
  ],
  [
    'waits on a peer without data',
    () => waiting([workload('db', samplesOf({}, { cpu: NO_SERIES }))], [edgeTo('db', 1)]),
    'dependency dependency 2 → 2',
    'Waiting on shop/db (97 % of busy time, 25 s). shop/db has no data for cpu, so nothing is scaled',
    'at most 50 % of busy time is spent waiting on peers. CPU demand alone calls for 1 replica',
  ],
  [
    'waits on no measured peer',
    () => waiting([], []),
    'dependency dependency 2 → 2',
    'Waiting on unknown peers (97 % of busy time, 25 s). shop/web has no measured peer, so nothing is scaled',
    'at most 50 % of busy time is spent waiting on peers. CPU demand alone calls for 1 replica',
  ],
  [
    'waits in a cycle',
    () => waiting([waiter('api', edgeTo('web', 1))], [edgeTo('api', 1)]),
    'dependency dependency 2 → 2',
    'Waiting in a cycle (97 % of busy time, 25 s): shop/web → shop/api → shop/web. Nothing is scaled',
    'at most 50 % of busy time is spent waiting on peers. CPU demand alone calls for 1 replica',
  ],
  [
    'waits on a peer whose own work explains the wait',
    () =>
      waiting([workload('db', samplesOf({}, { cpu: at(1.2) }))], [edgeTo('db', 2)], { behavior: AT_ONCE }),
    'none dependency 2 → 1',
    "CPU demand 0.4 cores; 2 pods × 0.7-core target = 1.4 (0.29×). 1 replica needed; its peers' own work accounts for its wait",
    'CPU demand is above 0.78 cores',
  ],
  [
    'is sized by another signal',
    () =>
      decide(
        ruleFor('worker', { target: { signal: 'queue', averageValue: 30 }, decide: [] }),
        samplesOf({}, { queue: at(100) }),
        HISTORY,
        NOW,
      ),
    'none none 2 → 4',
    'queue demand 100; 2 pods × 30 target = 60 (1.67×). 4 replicas needed',
    'queue demand is above 132 or below 90',
  ],
  [
    'is sized to a value',
    () =>
      decide(
        ruleFor('worker', { target: { signal: 'age', value: 10 }, decide: [] }),
        samplesOf({}, { age: at(25) }),
        HISTORY,
        NOW,
      ),
    'none none 2 → 5',
    'age 25 is 2.5× its target of 10. 5 replicas needed',
    'age is above 11 or below 8',
  ],
];
