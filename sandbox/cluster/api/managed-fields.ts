import { isDeepStrictEqual } from 'node:util';
import { timestamp, type KubeObject, type ManagedFields } from '../objects/meta.js';
import { isObject, type Json, type JsonObject } from './body.js';

/** Who writes an object, and how. */
export interface FieldManager {
  readonly name: string;
  readonly operation: 'Apply' | 'Update';
  readonly subresource?: string;
  /** Configuration that is applied; undefined for an update. */
  readonly configuration?: JsonObject;
}

/** Fields that no manager owns. */
const UNMANAGED = new Set(['apiVersion', 'kind', 'status']);
const MANAGED_METADATA = new Set(['labels', 'annotations', 'finalizers', 'ownerReferences']);

/**
 * `metadata.managedFields` after a write: the manager owns what it changes, and the others no longer do; what it applies it
 * owns in any case. A list is one field here, where a real API server tracks its elements, and `status` is not tracked.
 */
export function managedFields(
  previous: KubeObject | undefined,
  next: KubeObject,
  by: FieldManager,
): ManagedFields[] {
  const [before, after] = [previous ? managed(previous) : {}, managed(next)];
  const changed = setOf(after, before);
  const lost = union(changed, setOf(before, after));
  const entries = previous?.metadata.managedFields ?? [];
  const isOwn = (entry: ManagedFields): boolean =>
    entry.manager === by.name && entry.operation === by.operation && entry.subresource === by.subresource;
  const own = entries.find(isOwn);
  const kept = entries
    .filter((entry) => !isOwn(entry))
    .map((entry) => ({ ...entry, fieldsV1: without(entry.fieldsV1, lost) }));
  const fieldsV1 = by.configuration
    ? setOf(managed(by.configuration as unknown as KubeObject))
    : union(own ? without(own.fieldsV1, lost) : {}, changed);
  const isNews = !own || Object.keys(lost).length > 0 || !isDeepStrictEqual(own.fieldsV1, fieldsV1);
  const entry: ManagedFields = {
    manager: by.name,
    operation: by.operation,
    apiVersion: next.apiVersion,
    ...timeOf(by, isNews ? undefined : own),
    fieldsType: 'FieldsV1',
    fieldsV1,
    ...(by.subresource !== undefined && { subresource: by.subresource }),
  };
  return [...kept, entry].filter((one) => Object.keys(one.fieldsV1).length > 0);
}

/** Real API servers give no time to entries of the scale subresource. */
function timeOf({ subresource }: FieldManager, own: ManagedFields | undefined): Pick<ManagedFields, 'time'> {
  if (own) return own.time === undefined ? {} : { time: own.time };
  return subresource === 'scale' ? {} : { time: timestamp() };
}

function managed(object: KubeObject): JsonObject {
  const fields = Object.entries(object).filter(([name]) => !UNMANAGED.has(name) && name !== 'metadata');
  const metadata = Object.entries(object.metadata).filter(([name]) => MANAGED_METADATA.has(name));
  return { ...Object.fromEntries(fields), metadata: Object.fromEntries(metadata) };
}

/** The fields of an object, as FieldsV1; with `other`, those that it has in another form or not at all. */
function setOf(object: JsonObject, other?: JsonObject): JsonObject {
  const set: JsonObject = {};
  for (const [name, value] of Object.entries(object)) {
    const before: Json | undefined = other?.[name];
    if (other && isDeepStrictEqual(value, before)) continue;
    const isBranch = isObject(value) && Object.keys(value).length > 0;
    const fields = isBranch ? setOf(value, other && (isObject(before) ? before : {})) : {};
    if (!isBranch || Object.keys(fields).length > 0) set[`f:${name}`] = fields;
  }
  return set;
}

function union(a: JsonObject, b: JsonObject): JsonObject {
  const result = { ...a };
  for (const [field, inner] of Object.entries(b)) {
    result[field] = union((result[field] ?? {}) as JsonObject, inner as JsonObject);
  }
  return result;
}

function without(set: JsonObject, lost: JsonObject): JsonObject {
  const result: JsonObject = {};
  for (const [field, inner] of Object.entries(set)) {
    const gone = lost[field] as JsonObject | undefined;
    if (!gone) result[field] = inner;
    else if (Object.keys(inner as JsonObject).length > 0 && Object.keys(gone).length > 0) {
      const rest = without(inner as JsonObject, gone);
      if (Object.keys(rest).length > 0) result[field] = rest;
    }
  }
  return result;
}
