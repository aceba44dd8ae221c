import type { Fields } from './fields.js';

/** The top-level controller that owns a pod. */
export interface Workload {
  readonly namespace: string;
  readonly kind: string;
  readonly name: string;
}

type Named = Pick<Workload, 'kind' | 'name'>;
type Labels = Readonly<Record<string, string>>;

const MINUTES_PER_YEAR = 365 * 24 * 60;

/**
 * Finds a pod's top-level owner without requests to the API server: the name of a ReplicaSet contains that of its
 * Deployment or Argo Rollout, and the name of a Job that of its CronJob.
 */
export function workloadOf(pod: Fields): Workload {
  const metadata = pod.fields('metadata');
  const namespace = metadata.string('namespace') ?? '';
  const owner = metadata.list('ownerReferences').find((reference) => reference.boolean('controller'));
  const [kind, name] = [owner?.string('kind'), owner?.string('name')];
  // The mirror of a static pod is controlled by its node, which is no workload.
  if (kind === undefined || name === undefined || kind === 'Node') {
    return { namespace, kind: 'Pod', name: metadata.string('name') ?? '' };
  }
  return { namespace, ...topOwner({ kind, name }, metadata) };
}

function topOwner(owner: Named, metadata: Fields): Named {
  if (owner.kind === 'ReplicaSet') return replicaSetOwner(owner, metadata.texts('labels'));
  if (owner.kind === 'Job') return jobOwner(owner, metadata.time('creationTimestamp'));
  return owner;
}

function replicaSetOwner({ name, kind }: Named, labels: Labels): Named {
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
function jobOwner({ name, kind }: Named, created = NaN): Named {
  const match = /^(.+)-(\d{8})$/.exec(name);
  const age = created / 60 - Number(match?.[2]);
  const plausible = age >= -1 && age < MINUTES_PER_YEAR;
  return match && plausible ? { name: match[1]!, kind: 'CronJob' } : { name, kind };
}
