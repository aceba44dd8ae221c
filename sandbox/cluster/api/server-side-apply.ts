import { isObject, type Json, type JsonObject } from './json.js';
import { mergeKeyOf, strategicPatch } from './strategic-patch.js';

/**
 * Server-side apply for one manager: fields it applied before and leaves out now are removed, everything in
 * `next` is set, and what others set stays. Conflicts between managers are not detected: the last one wins, as
 * with `--force-conflicts`.
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
