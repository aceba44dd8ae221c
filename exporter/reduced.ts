import type { NativeErrorCode } from 'bpf-linker-napi';

/** Why the threads of a whole node cannot be seen. */
export type NodeReason = 'no_btf' | 'no_rights' | 'refused';

/**
 * Why the threads of a container cannot be seen: because of its node, or because it runs in a sandbox (gVisor, Kata) whose
 * threads are not the host's. Its CPU time and its starvation are still known, from cgroups.
 */
export type Opaque = NodeReason | 'sandboxed';

/** The mode in which no BPF program runs. */
export interface Reduced {
  readonly reason: NodeReason;
  /** What is wrong and what to do, one sentence. */
  readonly detail: string;
}

/** What a node lacks, by the error of the addon. Other errors are faults of the installation. */
export const REDUCED_BY: Readonly<Partial<Record<NativeErrorCode, NodeReason>>> = {
  NO_BTF: 'no_btf',
  NO_CAPABILITY: 'no_rights',
  LOAD_FAILED: 'refused',
  ATTACH_FAILED: 'refused',
};
