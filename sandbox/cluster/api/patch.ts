import type { KubeObject } from '../objects/meta.js';
import { unsupported } from './body.js';
import { isObject, type Json, type JsonObject } from './json.js';
import { jsonPatch } from './json-patch.js';
import { mergePatch } from './merge-patch.js';
import { applyConfiguration } from './server-side-apply.js';
import { strategicPatch } from './strategic-patch.js';
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

/** What each field manager last applied to each object, by the object's uid: the memory of server-side apply. */
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
