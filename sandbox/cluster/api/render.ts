import type { KubeObject } from '../objects/meta.js';
import type { Definition } from '../resources.js';
import { ApiError } from './status.js';
import { columnsOf } from './columns.js';

/** Representation that the client accepts: whole objects, only metadata, or kubectl's server-side table. */
export interface View {
  as: 'object' | 'metadata' | 'table';
  /** Requested version of meta.k8s.io. */
  version: string;
  /** Part of the object in each row of a table. */
  includeObject: string;
}

interface ListHead {
  kind: string;
  apiVersion: string;
  metadata: unknown;
}

/** Chooses the view by the `Accept` header. @throws ApiError 406 if it does not accept JSON */
export function negotiate(accept: string | undefined, query: URLSearchParams): View {
  const includeObject = query.get('includeObject') ?? 'Metadata';
  for (const range of (accept ?? '*/*').split(',')) {
    const [type, ...parameters] = range.split(';').map((part) => part.trim());
    if (!['application/json', 'application/*', '*/*'].includes(type!)) continue;
    const { as, v = 'v1' } = Object.fromEntries(
      parameters.map((parameter) => parameter.split('=')),
    ) as Record<string, string>;
    if (as === undefined) return { as: 'object', version: v, includeObject };
    if (as === 'Table') return { as: 'table', version: v, includeObject };
    if (as.startsWith('PartialObjectMetadata')) return { as: 'metadata', version: v, includeObject };
  }
  throw new ApiError(406, 'only the following media types are accepted: application/json');
}

/** Renders one object, or, with `head`, a list of them. */
export function render(
  content: KubeObject | readonly KubeObject[],
  view: View,
  definition: Definition,
  head?: ListHead,
): unknown {
  const items = Array.isArray(content) ? (content as readonly KubeObject[]) : [content as KubeObject];
  if (view.as === 'table') return table(items, view, definition, head);
  const rendered = view.as === 'metadata' ? items.map((item) => partial(item, view.version)) : items;
  if (!head) return rendered[0];
  if (view.as === 'object') return { ...head, items: rendered };
  return {
    ...head,
    kind: 'PartialObjectMetadataList',
    apiVersion: `meta.k8s.io/${view.version}`,
    items: rendered,
  };
}

function table(items: readonly KubeObject[], view: View, definition: Definition, head?: ListHead): unknown {
  const columns = columnsOf(definition.resource);
  return {
    kind: 'Table',
    apiVersion: `meta.k8s.io/${view.version}`,
    metadata: head?.metadata ?? { resourceVersion: items[0]!.metadata.resourceVersion },
    columnDefinitions: columns.map(({ name, type, format, priority }) => ({
      name,
      type,
      format,
      description: '',
      priority,
    })),
    rows: items.map((object) => ({
      cells: columns.map(({ cell }) => cell(object)),
      ...(view.includeObject === 'Object' && { object }),
      ...(view.includeObject === 'Metadata' && { object: partial(object, view.version) }),
    })),
  };
}

function partial({ metadata }: KubeObject, version: string): unknown {
  return { kind: 'PartialObjectMetadata', apiVersion: `meta.k8s.io/${version}`, metadata };
}
