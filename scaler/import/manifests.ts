import { isObject } from '../../common/fields.js';
import type { Position, YamlDocument } from '../../common/yaml/document.js';

/** Kinds of autoscalers that a rule can replace. */
export type AutoscalerKind = 'HorizontalPodAutoscaler' | 'ScaledObject';

/** An autoscaler of others as it is written: a HorizontalPodAutoscaler, or an object of KEDA. */
export interface Manifest {
  readonly kind: AutoscalerKind | 'ScaledJob';
  readonly value: Readonly<Record<string, unknown>>;
  /** Its place in a file; undefined for an object of the cluster. */
  readonly at?: Position;
}

const GROUPS: Readonly<Record<Manifest['kind'], string>> = {
  HorizontalPodAutoscaler: 'autoscaling',
  ScaledObject: 'keda.sh',
  ScaledJob: 'keda.sh',
};

/** The autoscalers of a document; those of a list, one by one. Objects of other kinds are none. */
export function manifestsOf(document: YamlDocument): Manifest[] {
  return manifestsIn(document.value).map(({ path, ...manifest }) => ({
    ...manifest,
    at: document.locate(path),
  }));
}

/** The autoscalers in a value that is an object of Kubernetes, or a list of them: each with its path. */
export function manifestsIn(value: unknown): (Manifest & { readonly path: readonly PropertyKey[] })[] {
  if (!isObject(value)) return [];
  const { kind, apiVersion, items } = value;
  if (!Array.isArray(items) || typeof kind !== 'string' || !kind.endsWith('List')) {
    const own = kindOf(value);
    return own ? [{ kind: own, value, path: [] }] : [];
  }
  // Items of a typed list as the API server sends it have neither of these.
  const typed = kind === 'List' ? {} : { apiVersion, kind: kind.slice(0, -'List'.length) };
  return items.flatMap((item: unknown, index) =>
    isObject(item)
      ? manifestsIn({ ...typed, ...item }).map((one) => ({ ...one, path: ['items', index, ...one.path] }))
      : [],
  );
}

function kindOf({ kind, apiVersion }: Readonly<Record<string, unknown>>): Manifest['kind'] | undefined {
  const group = typeof apiVersion === 'string' ? apiVersion.split('/')[0] : undefined;
  const known = Object.keys(GROUPS) as Manifest['kind'][];
  return known.find((name) => name === kind && GROUPS[name] === group);
}
