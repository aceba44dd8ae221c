import { isDeepStrictEqual } from 'node:util';
import type { KubeObject } from '../objects/meta.js';
import { unsupported, isObject, type Json, type JsonObject } from './body.js';
import { applyConfiguration, strategicPatch } from './strategic-patch.js';
import { ApiError } from './status.js';

export const APPLY = 'application/apply-patch+yaml';

const PATCHES: Readonly<Record<string, (document: Json, patch: Json) => Json>> = {
  'application/json-patch+json': jsonPatch,
  'application/merge-patch+json': mergePatch,
  'application/strategic-merge-patch+json': strategicPatch,
};

/** Applies a patch of the given media type to a document. @throws ApiError 400, 415, 422 */
export function patchDocument(type: string, document: Json, patch: Json): Json {
  const apply = PATCHES[type];
  if (!apply) throw unsupported(type, [...Object.keys(PATCHES), APPLY]);
  return apply(document, patch);
}

/** The configuration that each field manager last applied to each object, by the object's uid, for server-side apply. */
export class AppliedConfigurations {
  readonly #configurations = new Map<string, Map<string, JsonObject>>();

  /** The object after `manager` has applied its configuration. @throws ApiError 400 */
  merge(object: KubeObject, manager: string | null, configuration: Json): Json {
    const previous = this.#configurations.get(object.metadata.uid)?.get(required(manager));
    return applyConfiguration(object as unknown as JsonObject, previous, checked(configuration));
  }

  remember(object: KubeObject, manager: string | null, configuration: Json): void {
    const { uid } = object.metadata;
    const byManager = this.#configurations.get(uid) ?? new Map<string, JsonObject>();
    this.#configurations.set(uid, byManager.set(required(manager), checked(configuration)));
  }
}

function required(manager: string | null): string {
  if (manager) return manager;
  throw new ApiError(
    400,
    'PatchOptions.meta.k8s.io "" is invalid: fieldManager: Required value: is required for apply patch',
  );
}

function checked(configuration: Json): JsonObject {
  if (isObject(configuration)) return configuration;
  throw new ApiError(400, 'the configuration to apply is not an object');
}

/**
 * Applies an RFC 6902 JSON patch. The document is not changed.
 *
 * @throws ApiError 400 for an invalid operation, 422 for one that cannot be applied
 */
export function jsonPatch(document: Json, operations: Json): Json {
  if (!Array.isArray(operations)) throw new ApiError(400, 'a JSON patch is an array of operations');
  return operations.reduce<Json>((result, operation) => apply(result, operation), structuredClone(document));
}

function apply(document: Json, operation: Json): Json {
  if (!isObject(operation)) throw new ApiError(400, 'a JSON patch operation is an object');
  const path = pointer(operation['path']);
  const value = structuredClone(operation['value'] ?? null);
  switch (operation['op']) {
    case 'add':
      return edit(
        document,
        path,
        (parent, key) => {
          insert(parent, key, value);
        },
        value,
      );
    case 'replace':
      read(document, path);
      return edit(
        document,
        path,
        (parent, key) => {
          put(parent, key, value);
        },
        value,
      );
    case 'remove':
      read(document, path);
      return edit(document, path, remove, null);
    case 'test':
      if (!isDeepStrictEqual(read(document, path), value)) failed(`testing value /${path.join('/')} failed`);
      return document;
    case 'copy':
      return apply(document, {
        op: 'add',
        path: operation['path']!,
        value: read(document, pointer(operation['from'])),
      });
    case 'move': {
      const moved = read(document, pointer(operation['from']));
      const without = apply(document, { op: 'remove', path: operation['from']! });
      return apply(without, { op: 'add', path: operation['path']!, value: moved });
    }
    default:
      throw new ApiError(400, `unknown JSON patch operation ${JSON.stringify(operation['op'] ?? null)}`);
  }
}

function pointer(text: Json | undefined): string[] {
  if (typeof text !== 'string' || (text !== '' && !text.startsWith('/'))) {
    throw new ApiError(400, `invalid JSON pointer ${JSON.stringify(text ?? null)}`);
  }
  return text
    .split('/')
    .slice(1)
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'));
}

function read(document: Json, path: readonly string[]): Json {
  return path.reduce((value, key) => {
    const child = Array.isArray(value) ? value[Number(key)] : isObject(value) ? value[key] : undefined;
    return child ?? failed(`the path /${path.join('/')} does not exist`);
  }, document);
}

function edit(
  document: Json,
  path: readonly string[],
  change: (parent: Json, key: string) => void,
  whole: Json,
): Json {
  const key = path.at(-1);
  if (key === undefined) return whole;
  change(read(document, path.slice(0, -1)), key);
  return document;
}

function insert(parent: Json, key: string, value: Json): void {
  if (!Array.isArray(parent)) {
    put(parent, key, value);
    return;
  }
  const index = key === '-' ? parent.length : Number(key);
  if (!(index >= 0 && index <= parent.length)) failed(`index ${key} is out of range`);
  parent.splice(index, 0, value);
}

function put(parent: Json, key: string, value: Json): void {
  if (Array.isArray(parent)) parent[Number(key)] = value;
  else if (isObject(parent)) parent[key] = value;
  else failed(`cannot set ${key} in a scalar`);
}

function remove(parent: Json, key: string): void {
  if (Array.isArray(parent)) parent.splice(Number(key), 1);
  else if (isObject(parent)) Reflect.deleteProperty(parent, key);
}

function failed(message: string): never {
  throw new ApiError(
    422,
    `the server rejected our request due to an error in our request: ${message}`,
    'Invalid',
  );
}

/** Applies an RFC 7386 JSON merge patch. Neither argument is changed. */
export function mergePatch(target: Json | undefined, patch: Json): Json {
  if (!isObject(patch)) return patch;
  const result: JsonObject = isObject(target) ? { ...target } : {};
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) Reflect.deleteProperty(result, key);
    else result[key] = mergePatch(result[key], value);
  }
  return result;
}
