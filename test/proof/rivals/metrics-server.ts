import type { PodSampleTime } from '../../../scaler/core/group-pods.js';
import { readingAt, type PodView } from './view.js';

/** metrics-server's `--metric-resolution`, seconds. */
const RESOLUTION = 15;
/** Interval at which a kubelet reads a container's counters, seconds. */
const HOUSEKEEPING = 10;
/** A container younger than the resolution has a rate since its start once it is this old, seconds. */
const FRESH = 10;

/** CPU of a pod as the resource metrics API serves it. */
export interface PodMetrics extends PodSampleTime {
  readonly cores: number;
}

/**
 * The rate between the two newest of the kubelet's readings that metrics-server has fetched: up to 25 s old, over 10 or
 * 20 s; undefined for a pod with only one, unless it is fresh.
 *
 * Source: metrics-server, pkg/storage/pod.go and its defaults.
 */
export function podMetrics(pod: PodView, now: number): PodMetrics | undefined {
  const fetched = Math.floor(now / RESOLUTION) * RESOLUTION;
  const read = (at: number) => readingAt(pod, Math.floor(at / HOUSEKEEPING) * HOUSEKEEPING);
  const last = read(fetched);
  if (!last) return undefined;
  const first = read(fetched - RESOLUTION) ?? startOf(pod, last.at);
  if (!first || first.at >= last.at) return undefined;
  const window = last.at - first.at;
  return { cores: (last.cpu - first.cpu) / window, timestamp: last.at, window };
}

function startOf({ pod: { startedAt } }: PodView, last: number): { at: number; cpu: number } | undefined {
  if (startedAt === undefined) return undefined;
  const age = last - startedAt;
  return age >= FRESH && age < RESOLUTION ? { at: startedAt, cpu: 0 } : undefined;
}
