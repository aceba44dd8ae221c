import { apiVersionOf, groupVersions, type Definition } from '../resources.js';

/** Kubernetes version of this cluster; kubectl compares it with its own. */
export const KUBERNETES_VERSION = 'v1.36.0';

const VERBS = ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch'];

/** Document at a discovery URL (`/version`, `/api`, `/apis/apps/v1`, …); undefined for other URLs. */
export function discover(pathname: string, address: string): unknown {
  const path = pathname.replace(/\/$/, '');
  if (path === '/version') return version();
  if (path === '/api') return apiVersions(address);
  if (path === '/apis') return { kind: 'APIGroupList', apiVersion: 'v1', groups: groups() };
  const group = /^\/apis\/([^/]+)$/.exec(path)?.[1];
  if (group !== undefined) {
    const found = groups().find(({ name }) => name === group);
    return found && { kind: 'APIGroup', apiVersion: 'v1', ...found };
  }
  const groupVersion = /^\/(?:api|apis)\/(v1|[^/]+\/[^/]+)$/.exec(path)?.[1];
  return groupVersion === undefined ? undefined : resourceList(groupVersion);
}

function version(): unknown {
  const [major, minor] = KUBERNETES_VERSION.slice(1).split('.');
  return {
    major,
    minor,
    gitVersion: KUBERNETES_VERSION,
    gitCommit: '',
    gitTreeState: 'clean',
    buildDate: '1970-01-01T00:00:00Z',
    goVersion: '',
    compiler: '',
    platform: 'linux/amd64',
  };
}

function apiVersions(address: string): unknown {
  return {
    kind: 'APIVersions',
    versions: ['v1'],
    serverAddressByClientCIDRs: [{ clientCIDR: '0.0.0.0/0', serverAddress: address }],
  };
}

function groups(): { name: string; versions: unknown[]; preferredVersion: unknown }[] {
  return [...groupVersions().keys()]
    .filter((groupVersion) => groupVersion.includes('/'))
    .map((groupVersion) => {
      const [name = '', one = ''] = groupVersion.split('/');
      const entry = { groupVersion, version: one };
      return { name, versions: [entry], preferredVersion: entry };
    });
}

function resourceList(groupVersion: string): unknown {
  const definitions = groupVersions().get(groupVersion);
  if (!definitions) return undefined;
  const resources = definitions.flatMap((definition) => [
    resourceOf(definition),
    ...subresourcesOf(definition),
  ]);
  return { kind: 'APIResourceList', apiVersion: 'v1', groupVersion, resources };
}

function resourceOf({ resource, singular, namespaced, kind, shortNames, inAll }: Definition): unknown {
  return {
    name: resource,
    singularName: singular,
    namespaced,
    kind,
    verbs: VERBS,
    shortNames,
    ...(inAll && { categories: ['all'] }),
  };
}

function subresourcesOf(definition: Definition): unknown[] {
  const { resource, namespaced, kind, subresources } = definition;
  return subresources.map((subresource) => ({
    name: `${resource}/${subresource}`,
    singularName: '',
    namespaced,
    ...(subresource === 'scale' ? { group: 'autoscaling', version: 'v1', kind: 'Scale' } : { kind }),
    verbs: subresource === 'log' ? ['get'] : ['get', 'patch', 'update'],
  }));
}

/** The list of OpenAPI v3 documents, one per group and version. */
export function openApiIndex(): unknown {
  const entries = [...groupVersions().keys()].map((groupVersion) => {
    const path = documentPath(groupVersion);
    return [path, { serverRelativeURL: `/openapi/v3/${path}` }];
  });
  return { paths: Object.fromEntries(entries) as Record<string, unknown> };
}

/**
 * The part of a group's OpenAPI v3 document that `kubectl apply` needs: PATCH accepts `dryRun`, and `fieldValidation`,
 * so that kubectl leaves validation to the server. It describes no schemas.
 */
export function openApiDocument(path: string): unknown {
  const found = [...groupVersions()].find(([groupVersion]) => documentPath(groupVersion) === path);
  if (!found) return undefined;
  const paths = found[1].map((definition) => [
    urlTemplate(definition),
    { patch: patchOperation(definition) },
  ]);
  return {
    openapi: '3.0.0',
    info: { title: 'Kubernetes', version: KUBERNETES_VERSION },
    paths: Object.fromEntries(paths) as Record<string, unknown>,
  };
}

function documentPath(groupVersion: string): string {
  return groupVersion.includes('/') ? `apis/${groupVersion}` : `api/${groupVersion}`;
}

function urlTemplate(definition: Definition): string {
  const scope = definition.namespaced ? '/namespaces/{namespace}' : '';
  return `/${documentPath(apiVersionOf(definition))}${scope}/${definition.resource}/{name}`;
}

function patchOperation({ group, version: one, kind }: Definition): unknown {
  const parameter = (name: string): unknown => ({ name, in: 'query', schema: { type: 'string' } });
  return {
    parameters: [
      parameter('dryRun'),
      parameter('fieldManager'),
      parameter('fieldValidation'),
      parameter('force'),
    ],
    responses: { 200: { description: 'OK' } },
    'x-kubernetes-group-version-kind': { group, version: one, kind },
  };
}
