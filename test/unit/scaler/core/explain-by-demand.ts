import { ruleFor } from './fixtures.js';
import {
  AS_USUAL,
  byHarm,
  demandOf,
  harmOf,
  healthy,
  ON_DISK,
  ON_ORDERS,
  ORDERS,
  part,
  RULE,
  type TraceCase,
} from './traces.js';

/** Workloads that are sized by their demand, with what is said of their harm. */
export const BY_DEMAND: readonly TraceCase[] = [
  [
    'is well and waits on a peer as usual',
    { demand: demandOf(9.8), harm: healthy([part(ORDERS, 190, 185), part('cpu', 10, 10)]) },
    'Spends 95 % of its time on shop/orders, as usual. CPU demand 0.1 cores (9.8 requests/s × 10.2 ms); 2 pods × 0.07-core target = 0.14 (0.71×). 2 replicas still needed',
    'CPU demand is above 0.156 cores (15.3 requests/s) or below 0.07 cores (6.86 requests/s)',
  ],
  [
    'is well and computes',
    { demand: demandOf(9.8), harm: healthy(AS_USUAL) },
    'CPU demand 0.1 cores (9.8 requests/s × 10.2 ms); 2 pods × 0.07-core target = 0.14 (0.71×). 2 replicas still needed',
    'CPU demand is above 0.156 cores (15.3 requests/s) or below 0.07 cores (6.86 requests/s)',
  ],
  [
    'is well, and waits longer than usual',
    { demand: demandOf(9.8), harm: healthy([part(ORDERS, 19, 11), part('cpu', 10, 10)]) },
    'Spends 66 % of its time on shop/orders (19 ms a request, usually 11 ms). CPU demand 0.1 cores (9.8 requests/s × 10.2 ms); 2 pods × 0.07-core target = 0.14 (0.71×). 2 replicas still needed',
    'CPU demand is above 0.156 cores (15.3 requests/s) or below 0.07 cores (6.86 requests/s)',
  ],
  [
    'answers less than arrives',
    { currentReplicas: 1, replicas: 5, demand: demandOf(31, { answered: 9.8 }) },
    'CPU demand 0.316 cores: 31 requests/s arrive, 9.8 are answered, 10.2 ms each; 1 pod × 0.07-core target = 0.07 (4.5×). 5 replicas needed',
    'CPU demand is above 0.39 cores (38.2 requests/s) or below 0.28 cores (27.5 requests/s)',
  ],
  [
    'has a backlog and threads beside its requests',
    { currentReplicas: 1, replicas: 6, demand: demandOf(31, { answered: 9.8, backlog: 0.05, beside: 0.02 }) },
    'CPU demand 0.386 cores: 31 requests/s arrive, 9.8 are answered, 10.2 ms each, plus 0.05 for the backlog and 0.02 beside requests; 1 pod × 0.07-core target = 0.07 (5.5×). 6 replicas needed',
    'CPU demand is above 0.468 cores (39 requests/s) or below 0.35 cores (27.5 requests/s)',
  ],
  [
    'has threads beside its requests',
    { demand: demandOf(9.8, { beside: 0.02 }) },
    'CPU demand 0.12 cores (9.8 requests/s × 10.2 ms + 0.02 beside requests); 2 pods × 0.07-core target = 0.14 (0.86×). 2 replicas still needed',
    'CPU demand is above 0.156 cores (13.3 requests/s) or below 0.07 cores (4.9 requests/s)',
  ],
  [
    'will get what its callers get',
    { replicas: 5, demand: demandOf(31, { method: 'flow', arrived: 12, answered: 12 }) },
    'CPU demand 0.316 cores: 31 requests/s flow down from its callers (12 arrive), 10.2 ms each; 2 pods × 0.07-core target = 0.14 (2.3×). 5 replicas needed',
    'CPU demand is above 0.39 cores (38.2 requests/s) or below 0.28 cores (27.5 requests/s)',
  ],
  [
    'is asked by clients that wait',
    { replicas: 4, demand: demandOf(27, { method: 'clients', arrived: 9, answered: 9, clients: 30 }) },
    'CPU demand 0.275 cores: 30 waiting clients would ask 27 requests/s (9 are answered), 10.2 ms each; 2 pods × 0.07-core target = 0.14 (1.97×). 4 replicas needed',
    'CPU demand is above 0.312 cores (30.6 requests/s) or below 0.21 cores (20.6 requests/s)',
  ],
  [
    'is asked again by clients that gave up',
    { replicas: 5, demand: demandOf(33, { arrived: 80, answered: 9 }) },
    'CPU demand 0.337 cores: 33 requests/s of 80 count, the rest may be retries, 10.2 ms each; 2 pods × 0.07-core target = 0.14 (2.4×). 5 replicas needed',
    'CPU demand is above 0.39 cores (38.2 requests/s) or below 0.28 cores (27.5 requests/s)',
  ],
  [
    'serves no requests',
    { demand: { method: 'usage', cores: 0.12, confidence: 'high' } },
    'CPU demand 0.12 cores in use; 2 pods × 0.07-core target = 0.14 (0.86×). 2 replicas still needed',
    'CPU demand is above 0.156 cores or below 0.07 cores',
  ],
  [
    'serves no requests and is saturated',
    {
      replicas: 4,
      demand: { method: 'step', cores: 0.28, confidence: 'low', doubt: 'no requests are counted' },
    },
    'CPU demand 0.28 cores: saturated, so one step up from what it uses; 2 pods × 0.07-core target = 0.14 (2×). 4 replicas needed; low confidence (no requests are counted): at most doubled',
    'CPU demand is above 0.312 cores or below 0.21 cores',
  ],
  [
    'answers too few requests to be sure',
    { demand: demandOf(9.8, { confidence: 'low', doubt: '12 answers in 60 s, 20 are enough' }) },
    'CPU demand 0.1 cores (9.8 requests/s × 10.2 ms); 2 pods × 0.07-core target = 0.14 (0.71×). 2 replicas still needed; low confidence (12 answers in 60 s, 20 are enough): not shrunk',
    'CPU demand is above 0.156 cores (15.3 requests/s) or below 0.07 cores (6.86 requests/s)',
  ],
  [
    'gets less CPU than it requests',
    { replicas: 4, demand: demandOf(25, { perPod: 0.1 }) },
    'CPU demand 0.255 cores (25 requests/s × 10.2 ms); 2 pods × 0.07-core target = 0.14 (1.82×), as a pod gets 0.1 cores. 4 replicas needed',
    'CPU demand is above 0.312 cores (30.6 requests/s) or below 0.21 cores (20.6 requests/s)',
  ],
  [
    'needs threads rather than CPU',
    { replicas: 4, demand: demandOf(9.8, { threads: { busy: 12.4, perPod: 3.5, replicas: 4 } }) },
    '12.4 threads serve at once ÷ 3.5 that a pod carries = 3.54 pods; CPU demand 0.1 cores alone needs 2. 4 replicas needed',
    'more than 14 or fewer than 10.5 threads serve at once',
  ],
  [
    'lacks CPU',
    {
      currentReplicas: 1,
      replicas: 5,
      demand: demandOf(31, { answered: 9.8 }),
      harm: harmOf('cpu', [part('cpu', 900, 10)]),
      ...byHarm('cpu', 'scale'),
    },
    'CPU demand 0.316 cores: 31 requests/s arrive, 9.8 are answered, 10.2 ms each; 1 pod × 0.07-core target = 0.07 (4.5×). 5 replicas needed',
    'CPU demand is above 0.39 cores (38.2 requests/s) or below 0.28 cores (27.5 requests/s)',
  ],
  [
    'shows a sign for one round',
    {
      demand: demandOf(9.8),
      harm: healthy(ON_DISK, { signs: harmOf('disk', ON_DISK).signs, cause: 'disk' }),
    },
    'CPU demand 0.1 cores (9.8 requests/s × 10.2 ms); 2 pods × 0.07-core target = 0.14 (0.71×). 2 replicas still needed. No harm yet: answers take 210 ms, usually 32 ms (limit 64 ms), in 1 of 2 rounds',
    'CPU demand is above 0.156 cores (15.3 requests/s) or below 0.07 cores (6.86 requests/s)',
  ],
  [
    'shows a sign for fewer than three rounds',
    {
      rule: ruleFor('web', { harm: { ...RULE.harm, rounds: 3 } }),
      demand: demandOf(9.8),
      harm: healthy(AS_USUAL, { signs: [{ kind: 'pilesUp', value: 42, limit: 12 }] }),
    },
    'CPU demand 0.1 cores (9.8 requests/s × 10.2 ms); 2 pods × 0.07-core target = 0.14 (0.71×). 2 replicas still needed. No harm yet: 42 more requests arrived than were answered or given up (limit 12), for fewer than 3 rounds',
    'CPU demand is above 0.156 cores (15.3 requests/s) or below 0.07 cores (6.86 requests/s)',
  ],
  [
    'is slower because it is used more',
    { demand: demandOf(9.8), harm: healthy([part('cpu', 25, 10)], { intended: true }) },
    'CPU demand 0.1 cores (9.8 requests/s × 10.2 ms); 2 pods × 0.07-core target = 0.14 (0.71×). 2 replicas still needed; slower because it is used more, as intended',
    'CPU demand is above 0.156 cores (15.3 requests/s) or below 0.07 cores (6.86 requests/s)',
  ],
  [
    'is sized while a peer harms it',
    { replicas: 3, demand: demandOf(18), harm: harmOf(ORDERS, ON_ORDERS), ...byHarm('dependency', 'follow') },
    'CPU demand 0.184 cores (18 requests/s × 10.2 ms); 2 pods × 0.07-core target = 0.14 (1.31×). 3 replicas needed. Slow because of shop/orders: 190 ms of 210 ms a request (20× the usual 9.5 ms), for 40 s',
    'CPU demand is above 0.234 cores (22.9 requests/s) or below 0.14 cores (13.7 requests/s)',
  ],
  [
    'was harmed until now',
    { demand: demandOf(9.8), harm: harmOf(undefined, AS_USUAL, { signs: [] }) },
    'CPU demand 0.1 cores (9.8 requests/s × 10.2 ms); 2 pods × 0.07-core target = 0.14 (0.71×). 2 replicas still needed. Was harmed until now; no sign in this round',
    'CPU demand is above 0.156 cores (15.3 requests/s) or below 0.07 cores (6.86 requests/s)',
  ],
];
