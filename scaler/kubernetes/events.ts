import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { CoreV1Api, CoreV1Event, type KubeConfig } from '@kubernetes/client-node';
import type { ScaleTargetRef } from '../core/types.js';
import { apiConfiguration, apiError } from './client.js';

const COMPONENT = 'kernscale-scaler';
/** The API server refuses longer messages. */
const MAX_MESSAGE_LENGTH = 1024;

export interface WorkloadEvent {
  readonly target: ScaleTargetRef;
  /** Of the target; `kubectl describe` finds events by it. */
  readonly uid: string;
  readonly type: 'Normal' | 'Warning';
  /** One CamelCase word, as in `kubectl get events`. */
  readonly reason: string;
  readonly message: string;
  /** Seconds since the epoch. */
  readonly at: number;
}

/** Writes Kubernetes Events about workloads, so that `kubectl describe` shows decisions and their reasons. */
export class EventWriter {
  readonly #api: CoreV1Api;

  constructor(config: KubeConfig, stop: AbortSignal) {
    this.#api = new CoreV1Api(apiConfiguration(config, stop));
  }

  /** @throws KernscaleError with one of the codes of `apiError` */
  async write({ target, uid, type, reason, message, at }: WorkloadEvent): Promise<void> {
    const time = new Date(at * 1000);
    const { apiVersion, kind, namespace, name } = target;
    const body = Object.assign(new CoreV1Event(), {
      metadata: { namespace, name: `${name}.${randomUUID()}` },
      involvedObject: { apiVersion, kind, namespace, name, uid },
      type,
      reason,
      message: message.slice(0, MAX_MESSAGE_LENGTH),
      source: { component: COMPONENT },
      reportingComponent: COMPONENT,
      reportingInstance: hostname(),
      firstTimestamp: time,
      lastTimestamp: time,
      count: 1,
    });
    try {
      await this.#api.createNamespacedEvent({ namespace, body });
    } catch (error) {
      throw apiError(`cannot write an event about ${kind} ${namespace}/${name}`, error);
    }
  }
}
