import { readdirSync } from 'node:fs';
import path from 'node:path';

export const SOURCES = ['detect', 'kubernetes', 'host'] as const;
export type SourceChoice = (typeof SOURCES)[number];

export interface DetectedSource {
  readonly choice: Exclude<SourceChoice, 'detect'>;
  /** For the log. */
  readonly why: string;
}

/** The kubelet's own cgroup, at the top or, as kind nests it, below one that holds the kubelet too. */
const KUBEPODS = /^(?:.+-)?kubepods(?:\.slice)?$/;
const LEVELS = 3;

/**
 * Whether the cgroups of this machine are a kubelet's.
 *
 * @param clusterGiven a kubeconfig was named, or this process runs in a pod
 * @param cgroupRoot where cgroup2 is mounted
 */
export function detectSource(
  choice: SourceChoice,
  clusterGiven: boolean,
  cgroupRoot: string,
): DetectedSource {
  if (choice !== 'detect') return { choice, why: 'as told by --source' };
  if (clusterGiven) return { choice: 'kubernetes', why: 'a cluster is configured' };
  const kubepods = findKubepods(cgroupRoot, LEVELS);
  if (kubepods) return { choice: 'kubernetes', why: `a kubelet made ${kubepods}` };
  return { choice: 'host', why: 'no cluster is configured, and no kubelet has made cgroups here' };
}

function findKubepods(directory: string, levels: number): string | undefined {
  const below = readdirSync(directory, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  const found = below.find(({ name }) => KUBEPODS.test(name));
  if (found) return path.join(directory, found.name);
  if (levels === 1) return undefined;
  for (const { name } of below) {
    const deeper = findKubepods(path.join(directory, name), levels - 1);
    if (deeper) return deeper;
  }
  return undefined;
}
