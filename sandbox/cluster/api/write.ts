import { deleteObject, type DeletionOptions } from '../deletion.js';
import type { AddressPool } from '../instance.js';
import type { Kinds, ResourceName } from '../objects/kinds.js';
import type { KubeObject } from '../objects/meta.js';
import type { Service } from '../objects/service.js';
import { targetOf, type Store } from '../store.js';
import { admit, checkUpdate, initialStatus, type Incoming } from './admission.js';
import { type Json, isObject, type JsonObject } from './body.js';
import type { ResourcePath } from '../resources.js';
import { managedFields, type FieldManager } from './managed-fields.js';
import { ApiError, conflict, notFound, invalid } from './status.js';
import type { Deployment, ReplicaSet, StatefulSet } from '../objects/apps.js';
import { formatSelector } from './selectors.js';

type Stored = Kinds[ResourceName];

/** Writes to the store by the API server's rules: validation, defaults, and fields that only the server sets. */
export class Writer {
  constructor(
    readonly store: Store,
    readonly serviceAddresses: AddressPool,
  ) {}

  /** @throws ApiError 400, 403, 404 (no such namespace), 409 AlreadyExists, 422 */
  create(
    { definition, namespace }: ResourcePath,
    input: Json,
    dryRun: boolean,
    by: FieldManager,
  ): KubeObject {
    const { resource } = definition;
    this.#checkNamespace(namespace);
    const object = admit(definition, input, namespace);
    const status = initialStatus(resource, object);
    if (status !== undefined) object.status = status;
    if (resource === 'services') this.#allocate(object as Service);
    object.metadata.managedFields = managedFields(undefined, object, by);
    return dryRun ? object : this.store.create(resource, object);
  }

  /**
   * Replaces an object, or only its status.
   *
   * @throws ApiError 400, 404, 409 Conflict, 422
   */
  update(path: ResourcePath, input: Json, dryRun: boolean, by: FieldManager): KubeObject {
    const previous = this.find(path);
    const given = admit(path.definition, input, path.namespace);
    if (given.metadata.name !== path.name) {
      throw new ApiError(
        400,
        `the name of the object (${given.metadata.name}) does not match the name on the URL (${path.name ?? ''})`,
      );
    }
    checkPreconditions(path, given.metadata, previous);
    const next =
      path.subresource === 'status' ? withStatus(previous, given) : withoutStatus(path, previous, given, by);
    return dryRun ? next : this.store.update(path.definition.resource, next);
  }

  /** @throws ApiError 404, 409 for a failed precondition */
  delete(
    path: ResourcePath,
    options: DeletionOptions & { preconditions?: Preconditions },
  ): KubeObject | undefined {
    const object = this.find(path);
    checkPreconditions(path, options.preconditions ?? {}, object);
    return deleteObject(this.store, path.definition.resource, object, options);
  }

  /** @throws ApiError 404 */
  find({ definition: { resource }, namespace, name }: ResourcePath): Stored {
    const object = this.store.get(resource, namespace, name!);
    if (!object) throw notFound(targetOf(resource, name!));
    return object;
  }

  #checkNamespace(name: string | undefined): void {
    if (name === undefined) return;
    const namespace = this.store.get('namespaces', undefined, name);
    if (!namespace) throw notFound(targetOf('namespaces', name));
    if (namespace.metadata.deletionTimestamp !== undefined) {
      const message = `unable to create new content in namespace ${name} because it is being terminated`;
      throw new ApiError(403, message);
    }
  }

  #allocate(service: Service): void {
    if (service.spec.type === 'ExternalName') return;
    const inUse = new Set(this.store.list('services').map(({ spec }) => spec.clusterIP ?? ''));
    service.spec.clusterIP ??= this.serviceAddresses.next(inUse);
    service.spec.clusterIPs = [service.spec.clusterIP];
  }
}

export interface Preconditions {
  uid?: string;
  resourceVersion?: string;
}

function checkPreconditions(
  path: ResourcePath,
  { uid, resourceVersion }: Preconditions,
  stored: KubeObject,
): void {
  const differs = (wanted: string | undefined, actual: string): boolean =>
    Boolean(wanted) && wanted !== actual;
  if (differs(uid, stored.metadata.uid) || differs(resourceVersion, stored.metadata.resourceVersion)) {
    throw conflict(targetOf(path.definition.resource, stored.metadata.name));
  }
}

function withStatus(previous: Stored, given: Incoming): Stored {
  return { ...previous, status: given.status };
}

function withoutStatus(path: ResourcePath, previous: Stored, given: Incoming, by: FieldManager): Stored {
  const { uid, creationTimestamp, resourceVersion, generation } = previous.metadata;
  const { deletionTimestamp, deletionGracePeriodSeconds } = previous.metadata;
  const metadata = {
    ...given.metadata,
    uid,
    creationTimestamp,
    resourceVersion,
    ...(generation !== undefined && { generation }),
    ...(deletionTimestamp !== undefined && { deletionTimestamp }),
    ...(deletionGracePeriodSeconds !== undefined && { deletionGracePeriodSeconds }),
  };
  const next = { ...given, metadata };
  if (path.definition.subresources.includes('status')) next.status = previous.status;
  if (path.definition.resource === 'services') keepAddress(previous as Service, next as Service);
  checkUpdate(path.definition, previous, next);
  next.metadata.managedFields = managedFields(previous, next, by);
  return next;
}

function keepAddress(previous: Service, next: Service): void {
  const { clusterIP, clusterIPs } = previous.spec;
  if (clusterIP !== undefined) next.spec.clusterIP ??= clusterIP;
  if (clusterIPs !== undefined) next.spec.clusterIPs ??= clusterIPs;
}

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

/** Sets the replicas of a Scale. @throws ApiError 409 Conflict, 422 */
export function writeScale(
  writer: Writer,
  path: ResourcePath,
  input: Json,
  dryRun: boolean,
  by: FieldManager,
): KubeObject {
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
  return writer.update(whole, next as unknown as Json, dryRun, by);
}
