import type { PodView as SimulatedPod, ServiceView } from '../../../scaler/simulate/controller.js';

export type PodView = Omit<SimulatedPod, 'createdAt'>;

/** What an autoscaler sees of a workload. Times and windows are in seconds. */
export interface View extends Pick<ServiceView, 'replicas' | 'request' | 'latency'> {
  readonly now: number;
  readonly pods: readonly PodView[];
}

/** Sum over the pods of a mean of the last `window` seconds; undefined where no pod has one. */
export function sumOver(
  { pods }: View,
  load: 'requests' | 'concurrency',
  window: number,
): number | undefined {
  const means = pods.flatMap((pod) => pod.over(window)?.[load] ?? []);
  return means.length === 0 ? undefined : means.reduce((sum, mean) => sum + mean, 0);
}
