import { Fields } from '../../common/fields.js';
import { workloadKey, type ScaleTargetRef, type WorkloadKey } from '../core/types.js';
import type { Manifest } from './manifests.js';

/** An autoscaler of a workload, and how it lets go of it. */
export interface Owner {
  /** `HorizontalPodAutoscaler shop/web`. */
  readonly name: string;
  /** True for a ScaledObject that KEDA leaves alone already. */
  readonly isPaused: boolean;
  /** Commands, in order. */
  readonly handOver: readonly string[];
  readonly goBack: readonly string[];
  /** What to mind. */
  readonly remarks: readonly string[];
}

const PAUSED = 'autoscaling.keda.sh/paused';
/** Fields of `kubectl get -o yaml` that an object cannot be created with. */
const WITHOUT_IDENTITY = `grep -vE '^  (uid|resourceVersion|creationTimestamp):'`;

/** Who scales a workload: of an HPA that KEDA made, its ScaledObject. */
export function ownersOf(manifests: readonly Manifest[], workload: ScaleTargetRef): Owner[] {
  const own = manifests.filter((manifest) => targetOf(manifest) === workloadKey(workload));
  const scaledObjects = own.filter(({ kind }) => kind === 'ScaledObject');
  const autoscalers = own.filter(
    ({ kind, value }) => kind === 'HorizontalPodAutoscaler' && !isOfKeda(value, scaledObjects),
  );
  return [...scaledObjects.map(ownerOfKeda), ...autoscalers.map(ownerOfKubernetes)];
}

function targetOf({ kind, value }: Manifest): WorkloadKey {
  const object = Fields.of(value);
  const target = object.fields('spec').fields('scaleTargetRef');
  return workloadKey({
    namespace: object.fields('metadata').string('namespace') ?? '',
    kind: target.string('kind') ?? (kind === 'ScaledObject' ? 'Deployment' : ''),
    name: target.string('name') ?? '',
  });
}

function isOfKeda(value: Manifest['value'], scaledObjects: readonly Manifest[]): boolean {
  const names = scaledObjects.map((one) => Fields.of(one.value).fields('metadata').string('name'));
  const makers = Fields.of(value).fields('metadata').list('ownerReferences');
  return makers.some(
    (maker) => maker.string('kind') === 'ScaledObject' && names.includes(maker.string('name')),
  );
}

function ownerOfKubernetes({ value }: Manifest): Owner {
  const { name, namespace } = identityOf(value);
  const file = `hpa-${namespace}-${name}.yaml`;
  return {
    name: `HorizontalPodAutoscaler ${namespace}/${name}`,
    isPaused: false,
    handOver: [
      `kubectl get hpa.v2.autoscaling ${name} -n ${namespace} -o yaml | ${WITHOUT_IDENTITY} > ${file}`,
      `kubectl delete hpa ${name} -n ${namespace}`,
    ],
    goBack: [`kubectl apply -f ${file}`],
    remarks: ['What applies it again (Git, Helm) must no longer have it. Its workload keeps its replicas.'],
  };
}

function ownerOfKeda({ value }: Manifest): Owner {
  const { name, namespace, annotations } = identityOf(value);
  const annotate = `kubectl annotate scaledobject ${name} -n ${namespace} ${PAUSED}`;
  return {
    name: `ScaledObject ${namespace}/${name}`,
    isPaused: annotations[PAUSED] !== undefined && !/^f(alse)?$/i.test(annotations[PAUSED]),
    handOver: [`${annotate}=true --overwrite`],
    goBack: [`${annotate}-`],
    remarks: [
      'Paused, KEDA (2.12 or newer) deletes the HPA that it made, and its workload keeps its replicas.',
      'What applies the ScaledObject again (Git, Helm) must have the annotation, too.',
    ],
  };
}

function identityOf(value: Manifest['value']) {
  const metadata = Fields.of(value).fields('metadata');
  return {
    name: metadata.string('name') ?? '',
    namespace: metadata.string('namespace') ?? '',
    annotations: metadata.texts('annotations'),
  };
}
