import { CustomObjectsApi, type KubeConfig } from '@kubernetes/client-node';
import { untilAborted } from '../../common/deadline.js';
import { KernscaleError } from '../../common/errors.js';
import { Fields } from '../../common/fields.js';
import type { ScaleTargetRef } from '../core/types.js';
import { apiConfiguration, apiError } from './client.js';

/** Seconds for what a call needs, credentials included, which the time-out of a request does not cover. */
const CALL_SECONDS = 15;

/** An API server takes no longer name of a field manager. */
const MAX_MANAGER_LENGTH = 128;

/**
 * Name by which the API server records Kernscale's writes: replicas of one scaler share it, and scalers with other leases
 * are told apart.
 */
export function fieldManagerOf(
  lease: { readonly namespace: string; readonly name: string } | undefined,
): string {
  const name = lease ? `kernscale-scaler/${lease.namespace}/${lease.name}` : 'kernscale-scaler';
  return name.slice(0, MAX_MANAGER_LENGTH);
}

export interface Scale {
  /** `spec.replicas`. */
  readonly replicas: number;
  readonly resourceVersion: string;
  /** Of the scaled object; its scale has the same. */
  readonly uid: string;
}

/**
 * Reads and sets replicas through the `scale` subresource of any kind that has one.
 *
 * All methods throw KernscaleError: `API_CONFLICT` if the object has changed since it was read, `API_NOT_FOUND`,
 * `API_FORBIDDEN`, …, and `SCALE_UNSUPPORTED` if the kind is unknown or has no `scale`.
 */
export class ScaleClient {
  readonly #api: CustomObjectsApi;
  /** Plural resource names by `apiVersion/kind`, as the API server reports them. */
  readonly #plurals = new Map<string, string>();

  constructor(
    config: KubeConfig,
    stop: AbortSignal,
    private readonly fieldManager = fieldManagerOf(undefined),
  ) {
    this.#api = new CustomObjectsApi(apiConfiguration(config, stop));
  }

  async get(target: ScaleTargetRef): Promise<Scale> {
    return this.#call(`cannot read the scale of ${describe(target)}`, async () => {
      const scale: unknown = await this.#api.getNamespacedCustomObjectScale(await this.#resource(target));
      return readScale(scale);
    });
  }

  /**
   * Sets the replicas of an object that is still at `resourceVersion`. A conflict is not retried: the next round
   * decides again on the changed object.
   */
  async set(target: ScaleTargetRef, replicas: number, resourceVersion: string): Promise<Scale> {
    return this.#call(`cannot scale ${describe(target)}`, async () => {
      const resource = await this.#resource(target);
      const body = { metadata: { resourceVersion }, spec: { replicas } };
      const scale: unknown = await this.#api.patchNamespacedCustomObjectScale({
        ...resource,
        body,
        fieldManager: this.fieldManager,
      });
      return readScale(scale);
    });
  }

  async #call<T>(action: string, run: () => Promise<T>): Promise<T> {
    try {
      return await untilAborted(AbortSignal.timeout(CALL_SECONDS * 1000), run());
    } catch (error) {
      throw apiError(action, error);
    }
  }

  async #resource({ apiVersion, kind, namespace, name }: ScaleTargetRef) {
    const [group = '', version = ''] = apiVersion.split('/');
    return { group, version, namespace, name, plural: await this.#plural(apiVersion, kind) };
  }

  /** Name of the collection of a kind that has a scale subresource. */
  resourceName(apiVersion: string, kind: string): Promise<string> {
    return this.#call(`cannot find ${apiVersion} ${kind}`, () => this.#plural(apiVersion, kind));
  }

  async #plural(apiVersion: string, kind: string): Promise<string> {
    const key = `${apiVersion}/${kind}`;
    const known = this.#plurals.get(key);
    if (known) return known;
    const [group = '', version = ''] = apiVersion.split('/');
    const resources = Fields.of(await this.#api.getAPIResources({ group, version })).list('resources');
    const names = resources.map((resource) => resource.string('name') ?? '');
    const plural = names.find(
      (name, index) => !name.includes('/') && resources[index]!.string('kind') === kind,
    );
    if (plural === undefined || !names.includes(`${plural}/scale`)) {
      throw new KernscaleError('SCALE_UNSUPPORTED', `${apiVersion} ${kind} has no scale subresource`);
    }
    this.#plurals.set(key, plural);
    return plural;
  }
}

/** @throws KernscaleError `SCALE_UNSUPPORTED` if it is no Scale */
export function readScale(response: unknown): Scale {
  const scale = Fields.of(response);
  const [metadata, spec] = [scale.fields('metadata'), scale.fields('spec')];
  const resourceVersion = metadata.string('resourceVersion');
  // Kubernetes omits spec.replicas on the wire if it is zero.
  const replicas = spec.value('replicas') === undefined ? 0 : spec.count('replicas');
  if (resourceVersion === undefined || replicas === undefined) {
    throw new KernscaleError(
      'SCALE_UNSUPPORTED',
      'the response is not a Scale with a resourceVersion and a number of replicas',
    );
  }
  return { replicas, resourceVersion, uid: metadata.string('uid') ?? '' };
}

function describe({ kind, namespace, name }: ScaleTargetRef): string {
  return `${kind} ${namespace}/${name}`;
}
