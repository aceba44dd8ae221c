import { isDeepStrictEqual } from 'node:util';
import type { z } from 'zod';
import type { Kinds, ResourceName } from '../objects/kinds.js';
import { label, subdomain, type KubeObject, randomSuffix } from '../objects/meta.js';
import { type PodSpec, qosClass } from '../objects/pod.js';
import type { Deployment } from '../objects/apps.js';
import { apiVersionOf, type Definition } from '../resources.js';
import { isObject, withoutNulls, type Json, type JsonObject } from './body.js';
import { selects } from '../../../common/label-selector.js';
import { ApiError, invalid, type Target } from './status.js';

export type Incoming = Kinds[ResourceName] & { metadata: { name: string } };

/** Their names become part of DNS names or environment variables, so they have no dots. */
const LABEL_NAMES = new Set<ResourceName>(['namespaces', 'services']);

/**
 * Validates an object from a client and sets defaults.
 *
 * @throws ApiError 400 for another resource or namespace, 422 for an invalid field
 */
export function admit(definition: Definition, input: Json, namespace?: string): Incoming {
  const given = withoutNulls(input);
  if (!isObject(given)) throw new ApiError(400, 'the request body is not an object');
  checkType(definition, given);
  const metadata = admitMetadata(definition, given, namespace);
  const parsed = definition.schema.safeParse({ ...given, metadata });
  if (!parsed.success)
    throw invalid(targetOf(definition, metadata.name), parsed.error.issues.map(describeIssue));
  const object = parsed.data as Incoming;
  checkSelector(definition, object);
  return object;
}

/** Status of a new object. */
export function initialStatus(resource: ResourceName, object: KubeObject): unknown {
  if (resource === 'pods') return { phase: 'Pending', qosClass: qosClass(object.spec as PodSpec) };
  if (resource === 'namespaces') return { phase: 'Active' };
  if (resource === 'services') return { loadBalancer: {} };
  if (resource === 'daemonsets') {
    return { desiredNumberScheduled: 0, currentNumberScheduled: 0, numberMisscheduled: 0, numberReady: 0 };
  }
  if (resource === 'replicasets' || resource === 'statefulsets') return { replicas: 0 };
  return resource === 'deployments' ? {} : undefined;
}

/** @throws ApiError 422 if an immutable field changes */
export function checkUpdate(definition: Definition, previous: KubeObject, next: KubeObject): void {
  const target = targetOf(definition, next.metadata.name);
  if (definition.resource === 'pods' && !isDeepStrictEqual(fixedPart(previous), fixedPart(next))) {
    const message = 'Forbidden: pod updates may not change fields other than `spec.containers[*].image`';
    throw invalid(target, [{ field: 'spec', message }]);
  }
  if (hasTemplate(definition)) {
    const [before, after] = [previous, next].map((object) => (object as Deployment).spec.selector);
    if (isDeepStrictEqual(before, after)) return;
    throw invalid(target, [{ field: 'spec.selector', message: 'Invalid value: field is immutable' }]);
  }
}

function hasTemplate({ group }: Definition): boolean {
  return group === 'apps';
}

/** Errors about the content of an object name its kind; others name its resource. */
function targetOf({ group, kind }: Definition, name: string): Target {
  return { group, resource: kind, name };
}

function checkType(definition: Definition, given: JsonObject): void {
  const { apiVersion, kind } = { apiVersion: apiVersionOf(definition), kind: definition.kind };
  if ((given['apiVersion'] ?? apiVersion) !== apiVersion || (given['kind'] ?? kind) !== kind) {
    const got = `${JSON.stringify(given['apiVersion'] ?? '')}, Kind=${JSON.stringify(given['kind'] ?? '')}`;
    throw new ApiError(400, `the object provided (${got}) is not a ${apiVersion} ${kind}`);
  }
  given['apiVersion'] = apiVersion;
  given['kind'] = kind;
}

function admitMetadata(
  definition: Definition,
  given: JsonObject,
  namespace: string | undefined,
): JsonObject & { name: string } {
  const metadata: JsonObject = isObject(given['metadata']) ? { ...given['metadata'] } : {};
  if (namespace !== undefined && (metadata['namespace'] ?? namespace) !== namespace) {
    throw new ApiError(
      400,
      'the namespace of the provided object does not match the namespace sent on the request',
    );
  }
  delete metadata['namespace'];
  const { generateName } = metadata;
  const generated = typeof generateName === 'string' ? generateName + randomSuffix() : undefined;
  const name = checkName(definition, metadata['name'] === '' ? generated : (metadata['name'] ?? generated));
  return { ...metadata, name, ...(namespace !== undefined && { namespace }) };
}

/** Names of RBAC objects may have any form, such as `system:node`. */
function checkName(definition: Definition, name: Json | undefined): string {
  if (typeof name !== 'string') {
    const message = 'Required value: name or generateName is required';
    throw invalid(targetOf(definition, ''), [{ field: 'metadata.name', message }]);
  }
  const form = LABEL_NAMES.has(definition.resource) ? label : subdomain;
  const checked = form.safeParse(name);
  if (checked.success || definition.group === 'rbac.authorization.k8s.io') return name;
  const message = `Invalid value: ${JSON.stringify(name)}: ${checked.error.issues[0]!.message}`;
  throw invalid(targetOf(definition, name), [{ field: 'metadata.name', message }]);
}

function describeIssue(issue: z.core.$ZodIssue): { field: string; message: string } {
  const field = issue.path.map((part, index) => fieldPart(part, index)).join('');
  const required = issue.code === 'invalid_type' && issue.message.endsWith('received undefined');
  return { field, message: required ? 'Required value' : `Invalid value: ${issue.message}` };
}

function fieldPart(part: PropertyKey, index: number): string {
  if (typeof part === 'number') return `[${part}]`;
  return index === 0 ? String(part) : `.${String(part)}`;
}

function checkSelector(definition: Definition, object: KubeObject): void {
  if (!hasTemplate(definition)) return;
  const { selector, template } = (object as Deployment).spec;
  const selectsAll = !Object.keys(selector.matchLabels ?? {}).length && !selector.matchExpressions?.length;
  if (!selectsAll && selects(selector, template.metadata.labels)) return;
  const field = selectsAll ? 'spec.selector' : 'spec.template.metadata.labels';
  const message = selectsAll
    ? 'Invalid value: empty selector is invalid'
    : 'Invalid value: `selector` does not match template `labels`';
  throw invalid(targetOf(definition, object.metadata.name), [{ field, message }]);
}

function fixedPart(pod: KubeObject): unknown {
  const { containers, nodeName, ...rest } = pod.spec as PodSpec;
  return { ...rest, containers: containers.map((container) => ({ ...container, image: '' })), nodeName };
}
