import type { Sign } from '../../../../scaler/core/decision.js';
import { fillBehavior } from '../../../../scaler/rules/defaults.js';
import { keyOf, ruleFor } from './fixtures.js';
import {
  AS_USUAL,
  byHarm,
  DB,
  demandOf,
  harmOf,
  healthy,
  ON_DISK,
  ON_ORDERS,
  ORDERS,
  part,
  walkTo,
  type Made,
  type TraceCase,
} from './traces.js';

const ON_LOCK = [part('lock', 160, 8), part('cpu', 40, 35)];
const LOCKED = { ...byHarm('lock', 'step'), demand: demandOf(10) };
const REFUSED: Sign = { kind: 'peerFails', value: 0.6, limit: 0.05, peer: ORDERS };
const CALLER_HARMED = 'shop/checkout, which calls it, is harmed';

function held(made: Made): Made {
  return { bindingConstraint: 'hold', demand: demandOf(10), ...made };
}

function waits(made: Made): Made {
  return {
    bindingConstraint: 'dependency',
    demand: demandOf(10),
    ...byHarm('dependency', 'follow'),
    ...made,
  };
}

/** Workloads that are held, watched or protected for harm. */
export const BY_HARM: readonly TraceCase[] = [
  [
    'is slow because of its disk',
    held({ harm: harmOf('disk', ON_DISK), ...byHarm('disk', 'hold') }),
    'Slow because of its disk: 180 ms of 210 ms a request (15× the usual 12 ms), for 40 s. More replicas would add contention',
    'answers take at most 64 ms, for 2 rounds. CPU demand alone would not change the replica count',
  ],
  [
    'is slow before its usual is known',
    held({
      harm: harmOf('disk', [part('disk', 180), part('cpu', 30)], {
        latency: { now: 0.21 },
        signs: [{ kind: 'backlog', value: 3.1, limit: 2 }],
      }),
      ...byHarm('disk', 'hold'),
    }),
    'Requests pile up because of its disk: 180 ms of 210 ms a request (usual not known yet), for 40 s. More replicas would add contention',
    'the requests that wait take at most 2 s to answer, for 2 rounds. CPU demand alone would not change the replica count',
  ],
  [
    'is slow because of a database behind a peer',
    waits({
      harm: harmOf(ORDERS, ON_ORDERS),
      ...walkTo({ peer: DB, class: 'external', why: 'is outside the cluster' }, ORDERS),
    }),
    'Slow because of 10.0.0.9:5432 behind shop/orders: 190 ms of 210 ms a request (20× the usual 9.5 ms), for 40 s. 10.0.0.9:5432 is outside the cluster, so nothing is scaled',
    'answers take at most 55 ms, for 2 rounds. CPU demand alone would not change the replica count',
  ],
  [
    'is slow because of a peer that is short of CPU',
    waits({
      harm: harmOf(ORDERS, ON_ORDERS),
      ...walkTo({ peer: ORDERS, class: 'cpu', why: 'is at 3× its target' }),
    }),
    'Slow because of shop/orders: 190 ms of 210 ms a request (20× the usual 9.5 ms), for 40 s. shop/orders is at 3× its target; more replicas here would not help',
    'answers take at most 55 ms, for 2 rounds. CPU demand alone would not change the replica count',
  ],
  [
    'is slow because of the connection to a peer that is well',
    waits({
      harm: harmOf(ORDERS, ON_ORDERS),
      ...walkTo({ peer: ORDERS, class: 'edge', why: 'answers as fast as usual' }),
    }),
    'Slow because of the connection to shop/orders: 190 ms of 210 ms a request (20× the usual 9.5 ms), for 40 s. shop/orders answers as fast as usual. Nothing is scaled',
    'answers take at most 55 ms, for 2 rounds. CPU demand alone would not change the replica count',
  ],
  [
    'is refused by a peer',
    waits({
      harm: harmOf(ORDERS, [part(ORDERS, 1, 10), part('cpu', 5, 18)], { signs: [REFUSED] }),
      ...walkTo({ peer: ORDERS, class: 'refuses', why: 'refuses connections' }),
    }),
    '60 % of the calls to shop/orders fail (limit 5 %), for 40 s. shop/orders refuses connections; more replicas here would not help',
    'at most 5 % of the calls to shop/orders fail, for 2 rounds. CPU demand alone would not change the replica count',
  ],
  [
    'calls a peer that answers nothing',
    waits({
      harm: harmOf(ORDERS, ON_ORDERS, {
        signs: [
          { kind: 'silent', value: 1, limit: 0 },
          { kind: 'silent', value: 1, limit: 0, peer: ORDERS },
        ],
      }),
      ...walkTo({ peer: ORDERS, class: 'silent', why: 'answers none of its calls' }),
    }),
    'Answers nothing because shop/orders answers nothing, for 40 s. shop/orders answers none of its calls; more replicas here would not help',
    'requests are answered again and shop/orders answers again, for 2 rounds. CPU demand alone would not change the replica count',
  ],
  [
    'is harmed in a cycle',
    waits({
      harm: harmOf(ORDERS, ON_ORDERS),
      walk: {
        path: [keyOf('web'), ORDERS, keyOf('web')],
        confidence: 0,
        explained: false,
        rejected: [
          {
            peer: keyOf('web'),
            path: [keyOf('web'), ORDERS, keyOf('web')],
            share: 1,
            class: 'cycle',
            why: 'is already on the path',
          },
        ],
      },
    }),
    'Slow because of shop/orders: 190 ms of 210 ms a request (20× the usual 9.5 ms), for 40 s. A cycle: shop/web → shop/orders → shop/web. Nothing is scaled',
    'answers take at most 55 ms, for 2 rounds. CPU demand alone would not change the replica count',
  ],
  [
    'takes a step against a lock',
    { ...LOCKED, replicas: 3, harm: harmOf('lock', ON_LOCK) },
    'Slow because of a lock inside it: 160 ms of 200 ms a request (20× the usual 8 ms), for 40 s. One step to 3 replicas, to see whether more is answered',
    'answers take at most 86 ms, for 2 rounds',
  ],
  [
    'is watched after a step against a lock',
    held({ ...LOCKED, harm: harmOf('lock', ON_LOCK, { watch: { before: 40, now: 46 } }) }),
    'Slow because of a lock inside it: 160 ms of 200 ms a request (20× the usual 8 ms), for 40 s. The last step is watched: 40 → 46 requests/s answered',
    'more than 40 requests/s are answered, or answers take at most 86 ms, for 2 rounds. CPU demand alone would not change the replica count',
  ],
  [
    'shares its lock outside',
    held({ ...LOCKED, harm: harmOf('lock', ON_LOCK, { watch: { before: 40, now: 41, grew: false } }) }),
    'Slow because of a lock inside it: 160 ms of 200 ms a request (20× the usual 8 ms), for 40 s. The last step did not help (40 → 41 requests/s answered): the lock is shared outside, so it holds',
    'more than 40 requests/s are answered, or answers take at most 86 ms, for 2 rounds. CPU demand alone would not change the replica count',
  ],
  [
    'takes another step against a lock',
    {
      ...LOCKED,
      currentReplicas: 3,
      replicas: 4,
      harm: harmOf('lock', ON_LOCK, { watch: { before: 40, now: 60, grew: true } }),
    },
    'Slow because of a lock inside it: 160 ms of 200 ms a request (20× the usual 8 ms), for 40 s. The last step helped (40 → 60 requests/s answered); one more, to 4 replicas',
    'more than 40 requests/s are answered, or answers take at most 86 ms, for 2 rounds',
  ],
  [
    'is protected by a caller that is harmed',
    {
      currentReplicas: 4,
      bindingConstraint: 'noScaleDown',
      demand: demandOf(9.8),
      harm: healthy(AS_USUAL, { protectedBy: [CALLER_HARMED] }),
      noScaleDown: [CALLER_HARMED],
    },
    '2 replicas would be enough, but shop/checkout, which calls it, is harmed, so nothing is removed',
    'no harm has shown for the 300 s window',
  ],
  [
    'fails fast',
    {
      currentReplicas: 4,
      bindingConstraint: 'noScaleDown',
      demand: demandOf(9.8),
      harm: healthy(AS_USUAL, {
        protectedBy: ['its answers cost 40 % of their usual CPU time: it fails fast'],
        signs: [{ kind: 'collapse', value: 0.4, limit: 0.5 }],
      }),
    },
    '2 replicas would be enough, but its answers cost 40 % of their usual CPU time: it fails fast, so nothing is removed',
    'no harm has shown for the 300 s window',
  ],
  [
    'waits its window after harm',
    {
      rule: ruleFor('web', { behavior: fillBehavior(undefined) }),
      currentReplicas: 4,
      replicas: 4,
      bindingConstraint: 'stabilization',
      demand: demandOf(9.8),
      harm: healthy(AS_USUAL),
      stages: { raw: 2, tolerance: 2, floor: 2, stabilized: 4, rateLimited: 4, clamped: 4 },
    },
    'CPU demand 0.1 cores (9.8 requests/s × 10.2 ms); 4 pods × 0.07-core target = 0.28 (0.36×). 2 replicas needed now, but 4 or more were needed in the last 300 s',
    'demand stays low for the 300 s window',
  ],
];
