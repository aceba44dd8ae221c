import { decide } from '../../../../scaler/core/decide-round.js';
import { HISTORY, on, SMALL, small, type Case } from './explain-sized.js';
import { NOW } from './fixtures.js';

/** Workloads whose replicas are left to others. */
export const LEFT_TO_OTHERS: readonly Case[] = [
  [
    'leaves the replicas to another autoscaler',
    () => on({ ...small(2, 0.5), autoscalers: ['HorizontalPodAutoscaler shop/web'] }),
    'otherAutoscaler cpu 2 → 2',
    'HorizontalPodAutoscaler shop/web scales it, so this rule does not',
    'HorizontalPodAutoscaler shop/web is gone. CPU demand alone calls for 4 replicas',
  ],
  [
    'is at zero, as KEDA has it without load',
    () => on({ ...small(0, 0), autoscalers: ['ScaledObject shop/web'] }),
    'otherAutoscaler none 0 → 0',
    'ScaledObject shop/web scales it, so this rule does not',
    'ScaledObject shop/web is gone. CPU demand alone would not change the replica count',
  ],
  [
    'decides a dry run beside another autoscaler, and says so',
    () => on({ ...small(2, 0.5), autoscalers: ['HorizontalPodAutoscaler shop/web'] }, { dryRun: true }),
    'none cpu 2 → 4',
    'CPU demand 0.5 cores; 2 pods × 0.14-core target = 0.28 (1.79×). 4 replicas needed. Outside shadow mode it would stay: HorizontalPodAutoscaler shop/web scales it',
    'CPU demand is above 0.624 cores or below 0.42 cores',
  ],
  [
    'is paused by an annotation',
    () =>
      on(small(2, 0.5), { restrictions: { pause: { reason: 'load test', until: NOW + 60 }, faults: [] } }),
    'paused cpu 2 → 2',
    'Paused by the annotation kernscale.io/paused until 2023-11-14T22:14:20Z: load test',
    'it is 2023-11-14T22:14:20Z, or the annotation is removed. CPU demand alone calls for 4 replicas',
  ],
  [
    'keeps what another writer has set',
    () => {
      const left = { replicas: 5, generation: 1, template: 't' };
      const writer = { manager: 'kubectl', generation: 2, template: 't' };
      return decide(SMALL, { ...small(2, 0.5), writer }, { ...HISTORY, replicasLeft: left }, NOW);
    },
    'otherWriter cpu 2 → 2',
    'kubectl changed 5 replicas to 2, which stay until 2023-11-14T22:23:20Z',
    'it is 2023-11-14T22:23:20Z. CPU demand alone calls for 4 replicas',
  ],
];
