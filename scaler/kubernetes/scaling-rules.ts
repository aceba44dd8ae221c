import { CustomObjectsApi, type KubeConfig } from '@kubernetes/client-node';
import type { Fields } from '../../common/fields.js';
import { watchResource, type Watched } from '../../common/kubernetes-watch.js';
import type { Logger } from '../../common/log.js';
import type { RuleStatus } from '../loop/rule-status.js';
import { SCALING_RULE } from '../rules/custom-resource.js';
import { ruleNameOf, type ScalingRule } from '../rules/scaling-rules.js';
import { apiConfiguration, apiError } from './client.js';

/** The ScalingRule objects of the cluster. */
export class ScalingRules {
  readonly #api: CustomObjectsApi;
  readonly #watch: Watched<ScalingRule>;

  constructor(config: KubeConfig, stop: AbortSignal, log: Logger) {
    const { group, version, plural } = SCALING_RULE;
    this.#api = new CustomObjectsApi(apiConfiguration(config, stop));
    this.#watch = watchResource({ config, path: `/apis/${group}/${version}/${plural}`, keep: read, log });
    stop.addEventListener('abort', () => {
      this.#watch.stop();
    });
  }

  /** Differs once a spec has changed; a status is our own. */
  get version(): string {
    return this.list()
      .map((rule) => `${ruleNameOf(rule)} ${rule.generation ?? JSON.stringify(rule.spec)}`)
      .join('\n');
  }

  list(): readonly ScalingRule[] {
    return this.#watch.list();
  }

  /** Resolves once the first list is in, or refused. */
  async whenSynced(): Promise<void> {
    await Promise.race([this.#watch.synced, this.#watch.refused]);
  }

  problems(): string[] {
    const advice = this.#watch.isRefused
      ? '; install the CustomResourceDefinition and the RBAC of manifests/base'
      : '';
    return this.#watch.problems().map((problem) => `${problem}${advice}.`);
  }

  /** @throws KernscaleError with one of the codes of `apiError` */
  async setStatus(rule: ScalingRule, status: RuleStatus): Promise<void> {
    const { group, version, plural } = SCALING_RULE;
    const { namespace, name } = rule;
    try {
      const body = { status };
      await this.#api.patchNamespacedCustomObjectStatus({ group, version, plural, namespace, name, body });
    } catch (error) {
      throw apiError(`cannot write the status of the ScalingRule ${ruleNameOf(rule)}`, error);
    }
  }
}

function read(object: Fields): ScalingRule {
  const metadata = object.fields('metadata');
  const generation = metadata.count('generation');
  const createdAt = metadata.time('creationTimestamp');
  return {
    namespace: metadata.required('namespace'),
    name: metadata.required('name'),
    ...(generation !== undefined && { generation }),
    ...(createdAt !== undefined && { createdAt }),
    spec: object.value('spec'),
    status: object.value('status'),
  };
}
