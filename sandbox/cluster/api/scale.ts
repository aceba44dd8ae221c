import type { Deployment, ReplicaSet, StatefulSet } from '../objects/apps.js';
import type { KubeObject } from '../objects/meta.js';
import { isObject, type Json, type JsonObject } from './json.js';
import type { ResourcePath } from './path.js';
import { formatSelector } from './selectors.js';
import { invalid } from './status.js';
import type { Writer } from './write.js';

type Scalable = Deployment | ReplicaSet | StatefulSet;

/** autoscaling/v1 Scale of a Deployment, ReplicaSet or StatefulSet. */
export function scaleOf(object: KubeObject): JsonObject {
  const { metadata, spec, status } = object as Scalable;
  const { name, namespace = '', uid, resourceVersion, creationTimestamp } = metadata;
  return {
    kind: 'Scale',
    apiVersion: 'autoscaling/v1',
    metadata: { name, namespace, uid, resourceVersion, creationTimestamp },
    spec: { replicas: spec.replicas },
    status: { replicas: status.replicas ?? 0, selector: formatSelector(spec.selector) },
  };
}

/** Sets the replicas a Scale asks for. @throws ApiError 409 Conflict, 422 */
export function writeScale(writer: Writer, path: ResourcePath, input: Json, dryRun: boolean): KubeObject {
  const previous = writer.find(path);
  const [spec, metadata] = isObject(input) ? [input['spec'], input['metadata']] : [];
  const replicas = isObject(spec) ? (spec['replicas'] ?? 0) : 0;
  if (typeof replicas !== 'number' || !Number.isInteger(replicas) || replicas < 0) {
    const message = `Invalid value: ${JSON.stringify(replicas)}: must be greater than or equal to 0`;
    throw invalid({ group: 'autoscaling', resource: 'Scale', name: path.name! }, [
      { field: 'spec.replicas', message },
    ]);
  }
  const next = structuredClone(previous) as Scalable;
  const wanted = isObject(metadata) ? metadata['resourceVersion'] : undefined;
  if (typeof wanted === 'string' && wanted !== '') next.metadata.resourceVersion = wanted;
  next.spec.replicas = replicas;
  const whole = { definition: path.definition, namespace: path.namespace!, name: path.name! };
  return writer.update(whole, next as unknown as Json, dryRun);
}
