/** The top-level controller that owns a pod. */
export interface Workload {
  readonly namespace: string;
  readonly kind: string;
  readonly name: string;
}

/** The part of a pod that identifies its owner, as on the wire or in client-node's model. */
export interface OwnedPod {
  readonly metadata?: {
    readonly namespace?: string;
    readonly name?: string;
    readonly creationTimestamp?: string | Date;
    readonly labels?: Readonly<Record<string, string>>;
    readonly ownerReferences?: readonly OwnerReference[];
  };
}

export interface OwnerReference {
  readonly kind: string;
  readonly name: string;
  readonly controller?: boolean;
}

type Named = Pick<Workload, 'kind' | 'name'>;

const MINUTES_PER_YEAR = 365 * 24 * 60;

/**
 * Finds a pod's top-level owner without requests to the API server: the name of a ReplicaSet contains that of its
 * Deployment or Argo Rollout, and the name of a Job that of its CronJob.
 */
export function workloadOf({ metadata = {} }: OwnedPod): Workload {
  const { namespace = '', name = '', ownerReferences } = metadata;
  const owner = ownerReferences?.find(({ controller }) => controller === true);
  // The mirror of a static pod is controlled by its node, which is no workload.
  if (!owner || owner.kind === 'Node') return { namespace, kind: 'Pod', name };
  return { namespace, ...topOwner(owner, metadata) };
}

function topOwner(owner: OwnerReference, metadata: NonNullable<OwnedPod['metadata']>): Named {
  if (owner.kind === 'ReplicaSet') return replicaSetOwner(owner, metadata.labels ?? {});
  if (owner.kind === 'Job') return jobOwner(owner, metadata.creationTimestamp);
  return { kind: owner.kind, name: owner.name };
}

function replicaSetOwner({ name, kind }: OwnerReference, labels: Readonly<Record<string, string>>): Named {
  const hashes = [
    [labels['pod-template-hash'], 'Deployment'],
    [labels['rollouts-pod-template-hash'], 'Rollout'],
  ] as const;
  for (const [hash, ownerKind] of hashes) {
    if (hash && name.length > hash.length + 1 && name.endsWith(`-${hash}`)) {
      return { name: name.slice(0, -hash.length - 1), kind: ownerKind };
    }
  }
  return { name, kind };
}

/**
 * A CronJob names its Job `<name>-<minutes since 1970>` (pkg/controller/cronjob, `getJobName`). A name given by a person,
 * such as `backup-20240101`, looks alike, so the minutes must be plausible for the age of the pod.
 */
function jobOwner({ name, kind }: OwnerReference, created: string | Date | undefined): Named {
  const match = /^(.+)-(\d{8})$/.exec(name);
  const createdMinutes = created === undefined ? NaN : new Date(created).getTime() / 60_000;
  const age = createdMinutes - Number(match?.[2]);
  const plausible = age >= -1 && age < MINUTES_PER_YEAR;
  return match && plausible ? { name: match[1]!, kind: 'CronJob' } : { name, kind };
}
