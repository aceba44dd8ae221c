import type { PodIdentity } from './pods.js';

/** What a cgroup is found again by among the identities. */
export interface CgroupKey {
  /** The pod's uid; for a static pod the hash of its manifest; on a host without pods the unit's path. */
  readonly podUid: string;
  /** Empty for what is no container. */
  readonly containerId: string;
  /** A pod: it is measured for what runs in it outside of its containers, and they are measured one by one. */
  readonly isPod?: true;
}

/** Tells which cgroups are measured one by one, and what each of them is. */
export interface Source {
  /** Reads a path below the root of the hierarchy; undefined for one that only groups others. */
  readonly parse: (path: string) => CgroupKey | undefined;
  /** What is known of these cgroups, by `podUid`; the same map as long as nothing has changed. */
  identities(cgroups: ReadonlyMap<bigint, CgroupKey>): ReadonlyMap<string, PodIdentity>;
  /** The first complete list is known. */
  readonly hasSynced: boolean;
  /** How often a watch had to be taken up again. */
  readonly restarts: number;
  stop(): void;
}
