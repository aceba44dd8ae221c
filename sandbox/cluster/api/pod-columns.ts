import type { ContainerStatus, Pod } from '../objects/pod.js';
import { ageOf } from './human.js';

/** The STATUS column: the most telling reason, as k8s.io/kubernetes pkg/printers prints it. */
export function podStatus(pod: Pod): string {
  const { status, metadata } = pod;
  if (metadata.deletionTimestamp !== undefined) return 'Terminating';
  const initializing = initStatus(pod);
  if (initializing !== undefined) return initializing;
  const reasons = (status.containerStatuses ?? [])
    .map(containerReason)
    .filter((reason) => reason !== undefined);
  const running = status.containerStatuses?.some(({ ready, state }) => ready && state.running) ?? false;
  const reason = reasons[0] ?? status.reason ?? status.phase;
  return reason === 'Completed' && running ? 'Running' : reason;
}

export function readyContainers({ spec, status }: Pod): string {
  const ready = status.containerStatuses?.filter((container) => container.ready).length ?? 0;
  return `${ready}/${spec.containers.length}`;
}

/** `3`, or `3 (20s ago)` after a container has ended. */
export function restarts({ status }: Pod): string {
  const containers = status.containerStatuses ?? [];
  const count = containers.reduce((sum, { restartCount }) => sum + restartCount, 0);
  const ends = containers.flatMap(({ lastState }) => lastState.terminated?.finishedAt ?? []).sort();
  return count === 0 || ends.length === 0 ? String(count) : `${count} (${ageOf(ends.at(-1))} ago)`;
}

function initStatus({ spec, status }: Pod): string | undefined {
  const containers = status.initContainerStatuses ?? [];
  const done = containers.filter(({ state }) => state.terminated?.exitCode === 0).length;
  const total = spec.initContainers?.length ?? 0;
  if (done === total) return undefined;
  const reason = containers.map(containerReason).find((text) => text !== undefined && text !== 'Completed');
  const ordinary = reason === undefined || reason === 'PodInitializing' || reason === 'ContainerCreating';
  return ordinary ? `Init:${done}/${total}` : `Init:${reason}`;
}

function containerReason({ state }: ContainerStatus): string | undefined {
  return state.waiting?.reason ?? state.terminated?.reason;
}
