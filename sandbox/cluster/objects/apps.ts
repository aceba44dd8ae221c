import { z } from 'zod';
import { labelSelector, type Condition, type KubeObject } from './meta.js';
import { podTemplate } from './pod.js';

const DEFAULT_ROLLING = { maxSurge: '25%', maxUnavailable: '25%' };
const intOrPercent = z.union([
  z.int().min(0),
  z.string().regex(/^\d+%$/, 'must be a number or a percentage'),
]);
const replicas = z.int().min(0).default(1);

/** apps/v1 DeploymentSpec. */
export const deploymentSpec = z.looseObject({
  replicas,
  selector: labelSelector,
  template: podTemplate,
  strategy: z
    .looseObject({
      type: z.enum(['RollingUpdate', 'Recreate']).default('RollingUpdate'),
      rollingUpdate: z
        .looseObject({ maxSurge: intOrPercent, maxUnavailable: intOrPercent })
        .partial()
        .optional(),
    })
    .transform((given) =>
      given.type === 'Recreate'
        ? given
        : { ...given, rollingUpdate: { ...DEFAULT_ROLLING, ...given.rollingUpdate } },
    )
    .prefault({}),
  minReadySeconds: z.int().min(0).default(0),
  revisionHistoryLimit: z.int().min(0).default(10),
  progressDeadlineSeconds: z.int().min(1).default(600),
  paused: z.boolean().optional(),
});

/** apps/v1 ReplicaSetSpec. */
export const replicaSetSpec = z.looseObject({
  replicas,
  selector: labelSelector,
  template: podTemplate,
  minReadySeconds: z.int().min(0).default(0),
});

/** apps/v1 StatefulSetSpec. */
export const statefulSetSpec = z.looseObject({
  replicas,
  selector: labelSelector,
  serviceName: z.string().default(''),
  template: podTemplate,
  podManagementPolicy: z.enum(['OrderedReady', 'Parallel']).default('OrderedReady'),
  updateStrategy: z
    .looseObject({
      type: z.enum(['RollingUpdate', 'OnDelete']).default('RollingUpdate'),
      rollingUpdate: z.looseObject({ partition: z.int().min(0).default(0) }).prefault({}),
    })
    .prefault({}),
  minReadySeconds: z.int().min(0).default(0),
  revisionHistoryLimit: z.int().min(0).default(10),
});

/** apps/v1 DaemonSetSpec. */
export const daemonSetSpec = z.looseObject({
  selector: labelSelector,
  template: podTemplate,
  updateStrategy: z
    .looseObject({ type: z.enum(['RollingUpdate', 'OnDelete']).default('RollingUpdate') })
    .prefault({}),
  minReadySeconds: z.int().min(0).default(0),
  revisionHistoryLimit: z.int().min(0).default(10),
});

interface ReplicaStatus {
  replicas: number;
  readyReplicas?: number;
  availableReplicas?: number;
  observedGeneration?: number;
  conditions?: Condition[];
}

export interface Deployment extends KubeObject {
  spec: z.infer<typeof deploymentSpec>;
  status: Partial<ReplicaStatus> & { updatedReplicas?: number; unavailableReplicas?: number };
}

export interface DaemonSet extends KubeObject {
  spec: z.infer<typeof daemonSetSpec>;
  status: {
    desiredNumberScheduled: number;
    currentNumberScheduled: number;
    numberMisscheduled: number;
    numberReady: number;
    numberAvailable?: number;
    updatedNumberScheduled?: number;
    observedGeneration?: number;
  };
}

export interface ReplicaSet extends KubeObject {
  spec: z.infer<typeof replicaSetSpec>;
  status: ReplicaStatus & { fullyLabeledReplicas?: number };
}

export interface StatefulSet extends KubeObject {
  spec: z.infer<typeof statefulSetSpec>;
  status: ReplicaStatus & {
    updatedReplicas?: number;
    currentReplicas?: number;
    currentRevision?: string;
    updateRevision?: string;
    collisionCount?: number;
  };
}
