import { readdirSync } from 'node:fs';
import path from 'node:path';
import { inPod, ServiceAccountAccess, type ApiAccess } from '../../common/kubernetes-access.js';
import { oncePer } from '../../common/once.js';
import type { CgroupKey, ParsePath } from '../cgroups/path.js';

/** Everything that the exporter reports about a container besides what the kernel measured. */
export interface ContainerIdentity {
  readonly namespace: string;
  readonly pod: string;
  readonly container: string;
  readonly workload: string;
  readonly workloadKind: string;
  readonly image: string;
  /** As the kubelet reports it, `containerd://<64 hex>`. */
  readonly containerId: string;
  /** Cores; undefined without a request. */
  readonly cpuRequest: number | undefined;
  readonly cpuLimit: number | undefined;
  /** True for what runs in a pod outside of its known containers. */
  readonly isRestOfPod?: true;
}

/** Labels that distinguish one container's series from another's; the workload follows from them. */
export const seriesKey = oncePer(
  ({ namespace, pod, container }: ContainerIdentity) => `${namespace}/${pod}/${container}`,
);

export interface PodIdentity {
  readonly namespace: string;
  /** True while the kubelet reports a running container. */
  readonly isRunning?: boolean;
  /** By container id as in cgroup names, without the runtime's prefix; empty: the rest of the pod. */
  readonly containers: ReadonlyMap<string, ContainerIdentity>;
}

/** Selects the cgroups that are measured one by one, and names them. */
export interface Source {
  readonly parse: ParsePath;
  /** Returns what is known of these cgroups, by `podUid`; the same map as long as nothing has changed. */
  identities(cgroups: ReadonlyMap<bigint, CgroupKey>): ReadonlyMap<string, PodIdentity>;
  /** True once the first complete list has arrived. */
  readonly hasSynced: boolean;
  /** Number of times that a watch was restarted. */
  readonly restarts: number;
  stop(): void;
}

export const SOURCES = ['detect', 'kubernetes', 'host'] as const;
export type SourceChoice = (typeof SOURCES)[number];

export interface DetectedSource {
  readonly choice: Exclude<SourceChoice, 'detect'>;
  /** Reason for the choice, for the log. */
  readonly reason: string;
}

/** The kubelet's own cgroup, at the top or, as kind nests it, below one that holds the kubelet too. */
const KUBEPODS = /^(?:.+-)?kubepods(?:\.slice)?$/;
const LEVELS = 3;

/**
 * Detects which source fits this machine.
 *
 * @param isConfigured a kubeconfig is named, or this process runs in a pod
 * @param cgroupRoot mount point of cgroup2
 */
export function detectSource(
  choice: SourceChoice,
  isConfigured: boolean,
  cgroupRoot: string,
): DetectedSource {
  if (choice !== 'detect') return { choice, reason: '--source is set' };
  if (isConfigured) return { choice: 'kubernetes', reason: 'a cluster is configured' };
  const kubepods = findKubepods(cgroupRoot, LEVELS);
  if (kubepods) return { choice: 'kubernetes', reason: `a kubelet made ${kubepods}` };
  return { choice: 'host', reason: 'no cluster is configured, and no kubelet has made cgroups here' };
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

/** Returns true when a cluster is configured. `~/.kube/config` alone does not count: it may be about any cluster. */
export function isClusterConfigured(kubeconfig?: string): boolean {
  return kubeconfig !== undefined || inPod() || Boolean(process.env['KUBECONFIG']);
}

/**
 * Finds the Kubernetes API as `loadKubeConfig` does, but loads client-node only when there is a kubeconfig to read.
 *
 * @throws KernscaleError `KUBECONFIG_INVALID` or `KUBECONFIG_MISSING`
 */
export async function findApi(kubeconfig?: string): Promise<ApiAccess> {
  if (kubeconfig === undefined && inPod()) return new ServiceAccountAccess();
  const { loadKubeConfig } = await import('../../common/kubeconfig.js');
  return loadKubeConfig(kubeconfig);
}
