import { deleteObject } from '../deletion.js';
import { EventRecorder } from '../events.js';
import { type Log, controllerOf, Reconciler, self, type Key } from './reconciler.js';
import { contentHash } from '../objects/meta.js';
import type { StatefulSet } from '../objects/apps.js';
import { isAvailable, isReady, type Pod } from '../objects/pod.js';
import type { Store } from '../store.js';
import { createPod, podsOf } from './pods.js';

const REVISION_LABEL = 'controller-revision-hash';
const NAME_LABEL = 'statefulset.kubernetes.io/pod-name';
const INDEX_LABEL = 'apps.kubernetes.io/pod-index';

/** Keeps the pods `<name>-0…` of each StatefulSet, in order unless its policy is Parallel. */
export function statefulSetController(store: Store, log: Log): Reconciler {
  const controller = new StatefulSetController(store);
  const triggers = { statefulsets: self, pods: controllerOf('StatefulSet') };
  return new Reconciler(store, log, triggers, (key) => controller.reconcile(key));
}

class StatefulSetController {
  readonly #events: EventRecorder;

  constructor(readonly store: Store) {
    this.#events = new EventRecorder(store, 'statefulset-controller');
  }

  reconcile({ namespace, name }: Key): number | undefined {
    const set = this.store.get('statefulsets', namespace, name);
    if (!set) return undefined;
    if (set.metadata.deletionTimestamp === undefined) this.#takeStep(set);
    this.#writeStatus(set);
    return set.spec.minReadySeconds > 0 ? 1 : undefined;
  }

  /** One pod at a time: create the lowest missing, delete the highest surplus, or replace the highest outdated. */
  #takeStep(set: StatefulSet): void {
    const pods = podsOf(this.store, set);
    const byOrdinal = new Map(pods.map((pod) => [ordinalOf(pod), pod]));
    const parallel = set.spec.podManagementPolicy === 'Parallel';
    for (let ordinal = 0; ordinal < set.spec.replicas; ordinal += 1) {
      const pod = byOrdinal.get(ordinal);
      if (!pod) this.#create(set, ordinal);
      if (!parallel && !(pod && this.#isSettled(set, pod))) return;
    }
    const surplus = pods.filter((pod) => ordinalOf(pod) >= set.spec.replicas).sort(byOrdinalDescending);
    for (const pod of surplus) {
      this.#delete(set, pod);
      if (!parallel) return;
    }
    if (surplus.length === 0) this.#update(set, pods);
  }

  #update(set: StatefulSet, pods: readonly Pod[]): void {
    const { type, rollingUpdate } = set.spec.updateStrategy;
    if (type !== 'RollingUpdate' || !pods.every((pod) => this.#isSettled(set, pod))) return;
    const outdated = pods.filter(
      (pod) => ordinalOf(pod) >= rollingUpdate.partition && revisionOf(pod) !== revisionNameOf(set),
    );
    const [highest] = outdated.toSorted(byOrdinalDescending);
    if (highest) this.#delete(set, highest);
  }

  #create(set: StatefulSet, ordinal: number): void {
    const name = `${set.metadata.name}-${ordinal}`;
    const labels = {
      [REVISION_LABEL]: revisionNameOf(set),
      [NAME_LABEL]: name,
      [INDEX_LABEL]: String(ordinal),
    };
    createPod(this.store, set, set.spec.template, { name, labels });
    this.#events.normal(
      set,
      'SuccessfulCreate',
      `create Pod ${name} in StatefulSet ${set.metadata.name} successful`,
    );
  }

  #delete(set: StatefulSet, pod: Pod): void {
    if (pod.metadata.deletionTimestamp !== undefined) return;
    deleteObject(this.store, 'pods', pod);
    const message = `delete Pod ${pod.metadata.name} in StatefulSet ${set.metadata.name} successful`;
    this.#events.normal(set, 'SuccessfulDelete', message);
  }

  #isSettled(set: StatefulSet, pod: Pod): boolean {
    return pod.metadata.deletionTimestamp === undefined && isAvailable(pod, set.spec.minReadySeconds);
  }

  #writeStatus(set: StatefulSet): void {
    const pods = podsOf(this.store, set);
    const updateRevision = revisionNameOf(set);
    const updated = pods.filter((pod) => revisionOf(pod) === updateRevision).length;
    const ready = pods.filter(isReady);
    this.store.mutate('statefulsets', set, (draft) => {
      const complete = updated === pods.length && updated === draft.spec.replicas;
      const currentRevision = complete ? updateRevision : (draft.status.currentRevision ?? updateRevision);
      draft.status = {
        observedGeneration: draft.metadata.generation ?? 0,
        replicas: pods.length,
        readyReplicas: ready.length,
        availableReplicas: ready.filter((pod) => isAvailable(pod, draft.spec.minReadySeconds)).length,
        updatedReplicas: updated,
        currentReplicas: pods.filter((pod) => revisionOf(pod) === currentRevision).length,
        currentRevision,
        updateRevision,
        collisionCount: 0,
      };
    });
  }
}

function revisionNameOf({ metadata, spec }: StatefulSet): string {
  return `${metadata.name}-${contentHash(spec.template)}`;
}

function revisionOf(pod: Pod): string | undefined {
  return pod.metadata.labels?.[REVISION_LABEL];
}

function ordinalOf(pod: Pod): number {
  return Number(/\d+$/.exec(pod.metadata.name)?.[0]);
}

function byOrdinalDescending(a: Pod, b: Pod): number {
  return ordinalOf(b) - ordinalOf(a);
}
