import { findResource, type Definition } from '../resources.js';

/** What a resource URL addresses. */
export interface ResourcePath {
  definition: Definition;
  namespace?: string;
  name?: string;
  subresource?: string;
}

/** Parses `/apis/apps/v1/namespaces/shop/deployments/web/scale` and the like; undefined when it is none. */
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
