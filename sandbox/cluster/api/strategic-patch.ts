import { isObject, type Json, type JsonObject } from './body.js';

/**
 * Merge keys of lists, by field name: the `patchMergeKey` tags of k8s.io/api for the stored kinds. A list that is not
 * named here is replaced as a whole.
 */
const MERGE_KEYS: Readonly<Record<string, readonly string[]>> = {
  conditions: ['type'],
  containers: ['name'],
  env: ['name'],
  ephemeralContainers: ['name'],
  hostAliases: ['ip'],
  imagePullSecrets: ['name'],
  initContainers: ['name'],
  ownerReferences: ['uid'],
  ports: ['containerPort', 'port'],
  secrets: ['name'],
  topologySpreadConstraints: ['topologyKey'],
  volumeMounts: ['mountPath'],
  volumes: ['name'],
};

/** Lists of scalars that merge as sets (`patchStrategy: merge` without a key). */
const SETS = new Set(['finalizers']);

/**
 * Applies a strategic merge patch: a JSON merge patch in which lists of objects merge by key, with the directives
 * `$patch`, `$retainKeys`, `$setElementOrder/…` and `$deleteFromPrimitiveList/…`. The target is not changed.
 */
export function strategicPatch(target: Json | undefined, patch: Json): Json {
  return isObject(patch) ? mergeObjects(isObject(target) ? target : {}, patch) : patch;
}

/** Field that identifies an element of the list; undefined if the list does not merge by key. */
function mergeKeyOf(field: string, ...lists: readonly Json[][]): string | undefined {
  const elements = lists.flat();
  return MERGE_KEYS[field]?.find((key) => elements.every((element) => isObject(element) && key in element));
}

function mergeObjects(target: JsonObject, patch: JsonObject): JsonObject {
  if (patch['$patch'] === 'replace') return withoutDirectives(patch);
  const result = retain(target, patch['$retainKeys']);
  for (const [key, value] of Object.entries(patch)) {
    if (key.startsWith('$')) continue;
    if (value === null || (isObject(value) && value['$patch'] === 'delete'))
      Reflect.deleteProperty(result, key);
    else result[key] = mergeField(key, result[key], value);
  }
  deleteScalars(result, patch);
  orderLists(result, patch);
  return result;
}

function mergeField(key: string, current: Json | undefined, value: Json): Json {
  if (!Array.isArray(value)) return strategicPatch(current, value);
  if (!Array.isArray(current)) return mergeLists(key, [], value);
  if (SETS.has(key)) return [...new Set([...current, ...value])];
  return mergeLists(key, current, value);
}

function mergeLists(field: string, current: Json[], patch: Json[]): Json[] {
  const directives = patch.filter((element) => isObject(element) && element['$patch'] === 'replace');
  const elements = patch.filter((element) => !directives.includes(element));
  const mergeKey = mergeKeyOf(field, current, elements);
  if (directives.length > 0 || mergeKey === undefined)
    return elements.map((element) => strategicPatch({}, element));
  const result = [...current];
  for (const element of elements as JsonObject[]) {
    const index = result.findIndex((one) => (one as JsonObject)[mergeKey] === element[mergeKey]);
    if (element['$patch'] === 'delete') result.splice(index, index < 0 ? 0 : 1);
    else if (index < 0) result.push(strategicPatch({}, element));
    else result[index] = strategicPatch(result[index], element);
  }
  return result;
}

function retain(target: JsonObject, keys: Json | undefined): JsonObject {
  if (!Array.isArray(keys)) return { ...target };
  return Object.fromEntries(Object.entries(target).filter(([key]) => keys.includes(key)));
}

function deleteScalars(result: JsonObject, patch: JsonObject): void {
  for (const [directive, values] of Object.entries(patch)) {
    const field = /^\$deleteFromPrimitiveList\/(.+)$/.exec(directive)?.[1];
    const list = field === undefined ? undefined : result[field];
    if (field === undefined || !Array.isArray(list) || !Array.isArray(values)) continue;
    result[field] = list.filter((value) => !values.includes(value));
  }
}

/** `$setElementOrder/containers: [{name: a}, {name: b}]`: listed elements in that order, others after them. */
function orderLists(result: JsonObject, patch: JsonObject): void {
  for (const [directive, order] of Object.entries(patch)) {
    const field = /^\$setElementOrder\/(.+)$/.exec(directive)?.[1];
    const list = field === undefined ? undefined : result[field];
    if (field === undefined || !Array.isArray(list) || !Array.isArray(order)) continue;
    const rank = (element: Json): number => {
      const found = order.findIndex((one) => isSame(one, element));
      return found < 0 ? order.length : found;
    };
    result[field] = list.toSorted((a, b) => rank(a) - rank(b));
  }
}

function isSame(reference: Json, element: Json): boolean {
  if (!isObject(reference) || !isObject(element)) return reference === element;
  return Object.entries(reference).every(([key, value]) => element[key] === value);
}

function withoutDirectives(object: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(object).filter(([key]) => !key.startsWith('$')));
}

/**
 * Server-side apply for one field manager: removes the fields that it applied before and leaves out now, sets everything
 * in `next`, and keeps the fields of others. It detects no conflicts between managers: the last one wins, as with
 * `--force-conflicts`.
 */
export function applyConfiguration(
  live: JsonObject,
  previous: JsonObject | undefined,
  next: JsonObject,
): JsonObject {
  const kept = previous ? withoutAbandoned(live, previous, next) : live;
  return strategicPatch(kept, next) as JsonObject;
}

function withoutAbandoned(live: JsonObject, previous: JsonObject, next: JsonObject): JsonObject {
  const result = { ...live };
  for (const [key, before] of Object.entries(previous)) {
    const after = next[key];
    if (after === undefined) Reflect.deleteProperty(result, key);
    else if (result[key] !== undefined) result[key] = prune(key, result[key], before, after);
  }
  return result;
}

function prune(field: string, live: Json, before: Json, after: Json): Json {
  if (isObject(live) && isObject(before) && isObject(after)) return withoutAbandoned(live, before, after);
  if (!Array.isArray(live) || !Array.isArray(before) || !Array.isArray(after)) return live;
  const mergeKey = mergeKeyOf(field, live, before, after);
  if (mergeKey === undefined) return live;
  const find = (list: Json[], element: Json): JsonObject | undefined =>
    (list as JsonObject[]).find((one) => one[mergeKey] === (element as JsonObject)[mergeKey]);
  return live
    .filter((element) => find(after, element) !== undefined || find(before, element) === undefined)
    .map((element) => {
      const [old, now] = [find(before, element), find(after, element)];
      return old && now ? withoutAbandoned(element as JsonObject, old, now) : element;
    });
}
