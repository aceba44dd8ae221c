import { z } from 'zod';
import { daemonSetSpec, deploymentSpec, replicaSetSpec, statefulSetSpec } from './objects/apps.js';
import type { ResourceName } from './objects/kinds.js';
import { podSpec } from './objects/pod.js';
import { serviceSpec } from './objects/service.js';

/** One resource of the API: its path, its names, and the schema of its objects. */
export interface Definition {
  resource: ResourceName;
  group: string;
  version: string;
  kind: string;
  singular: string;
  shortNames: readonly string[];
  namespaced: boolean;
  /** In `kubectl get all`. */
  inAll: boolean;
  /** `status` and `scale`, where the resource has them. */
  subresources: readonly ('status' | 'scale' | 'log')[];
  /** Checks a written object and fills in defaults; metadata is checked apart. */
  schema: z.ZodType;
}

const anything = z.looseObject({});
const specOf = (spec: z.ZodType): z.ZodType => z.looseObject({ spec });
const WORKLOAD = { inAll: true, subresources: ['status', 'scale'] } as const;

const DEFINITIONS: readonly Definition[] = [
  core('configmaps', 'ConfigMap', ['cm'], {
    schema: z.looseObject({ data: z.record(z.string(), z.string()).optional() }),
  }),
  core('endpoints', 'Endpoints', ['ep']),
  core('events', 'Event', ['ev'], { schema: z.looseObject({ involvedObject: z.looseObject({}) }) }),
  core('namespaces', 'Namespace', ['ns'], { namespaced: false, subresources: ['status'] }),
  core('nodes', 'Node', ['no'], { namespaced: false, subresources: ['status'] }),
  core('pods', 'Pod', ['po'], { schema: specOf(podSpec), inAll: true, subresources: ['status', 'log'] }),
  core('secrets', 'Secret', []),
  core('serviceaccounts', 'ServiceAccount', ['sa']),
  core('services', 'Service', ['svc'], {
    schema: specOf(serviceSpec),
    inAll: true,
    subresources: ['status'],
  }),
  define('apps/v1', 'daemonsets', 'DaemonSet', ['ds'], {
    inAll: true,
    subresources: ['status'],
    schema: specOf(daemonSetSpec),
  }),
  define('apps/v1', 'deployments', 'Deployment', ['deploy'], { ...WORKLOAD, schema: specOf(deploymentSpec) }),
  define('apps/v1', 'replicasets', 'ReplicaSet', ['rs'], { ...WORKLOAD, schema: specOf(replicaSetSpec) }),
  define('apps/v1', 'statefulsets', 'StatefulSet', ['sts'], { ...WORKLOAD, schema: specOf(statefulSetSpec) }),
  define('autoscaling/v2', 'horizontalpodautoscalers', 'HorizontalPodAutoscaler', ['hpa'], {
    subresources: ['status'],
  }),
  define('coordination.k8s.io/v1', 'leases', 'Lease', []),
  define('discovery.k8s.io/v1', 'endpointslices', 'EndpointSlice', []),
  define('kernscale.io/v1alpha1', 'scalingrules', 'ScalingRule', [], { subresources: ['status'] }),
  define('rbac.authorization.k8s.io/v1', 'clusterrolebindings', 'ClusterRoleBinding', [], {
    namespaced: false,
  }),
  define('rbac.authorization.k8s.io/v1', 'clusterroles', 'ClusterRole', [], { namespaced: false }),
  define('rbac.authorization.k8s.io/v1', 'rolebindings', 'RoleBinding', []),
  define('rbac.authorization.k8s.io/v1', 'roles', 'Role', []),
];

const BY_RESOURCE = new Map(DEFINITIONS.map((definition) => [definition.resource, definition]));

export function definitionOf(resource: ResourceName): Definition {
  return BY_RESOURCE.get(resource)!;
}

/** The resource at `/api/v1/NAME` or `/apis/GROUP/VERSION/NAME`. */
function findResource(group: string, version: string, resource: string): Definition | undefined {
  return DEFINITIONS.find(
    (one) => one.group === group && one.version === version && one.resource === resource,
  );
}

export function findKind(apiVersion: string, kind: string): Definition | undefined {
  return DEFINITIONS.find((one) => apiVersionOf(one) === apiVersion && one.kind === kind);
}

export function apiVersionOf({ group, version }: Pick<Definition, 'group' | 'version'>): string {
  return group === '' ? version : `${group}/${version}`;
}

/** Every resource, grouped by `apps/v1` and the like, in order. */
export function groupVersions(): Map<string, Definition[]> {
  const groups = new Map<string, Definition[]>();
  for (const definition of DEFINITIONS) {
    const key = apiVersionOf(definition);
    groups.set(key, [...(groups.get(key) ?? []), definition]);
  }
  return groups;
}

/** Every namespaced resource. */
export function namespacedResources(): Definition[] {
  return DEFINITIONS.filter(({ namespaced }) => namespaced);
}

/** Every resource. */
export function allResources(): readonly Definition[] {
  return DEFINITIONS;
}

function core(
  resource: ResourceName,
  kind: string,
  shortNames: readonly string[],
  more: Partial<Definition> = {},
): Definition {
  return define('v1', resource, kind, shortNames, more);
}

function define(
  apiVersion: string,
  resource: ResourceName,
  kind: string,
  shortNames: readonly string[],
  more: Partial<Definition> = {},
): Definition {
  const [version, group = ''] = apiVersion.split('/').reverse();
  return {
    resource,
    group,
    version: version!,
    kind,
    singular: kind.toLowerCase(),
    shortNames,
    namespaced: true,
    inAll: false,
    subresources: [],
    schema: anything,
    ...more,
  };
}

/** The resource that a URL addresses. */
export interface ResourcePath {
  definition: Definition;
  namespace?: string;
  name?: string;
  subresource?: string;
}

/** Parses `/apis/apps/v1/namespaces/shop/deployments/web/scale` and the like; undefined for other paths. */
export function parseResourcePath(pathname: string): ResourcePath | undefined {
  const parts = pathname.split('/').filter(Boolean).map(decodeURIComponent);
  const root = parts.shift();
  if (root !== 'api' && root !== 'apis') return undefined;
  const group = root === 'api' ? '' : parts.shift();
  const version = parts.shift();
  if (group === undefined || version === undefined) return undefined;
  const inNamespace = parts[0] === 'namespaces' && parts.length >= 3 && !isNamespaceSubresource(parts[2]!);
  const namespace = inNamespace ? parts.splice(0, 2)[1] : undefined;
  const [resource, name, subresource, ...rest] = parts;
  const definition = resource === undefined ? undefined : findResource(group, version, resource);
  if (!definition || rest.length > 0 || (namespace !== undefined && !definition.namespaced)) return undefined;
  if (name !== undefined && definition.namespaced && namespace === undefined) return undefined;
  return {
    definition,
    ...(namespace !== undefined && { namespace }),
    ...(name !== undefined && { name }),
    ...(subresource !== undefined && { subresource }),
  };
}

function isNamespaceSubresource(part: string): boolean {
  return part === 'status' || part === 'finalize';
}
