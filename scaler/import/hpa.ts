import type { Fields } from '../../common/fields.js';
import { own } from '../../common/own.js';
import { behaviorOf } from './behavior.js';
import { resourceTarget } from './resource.js';
import { signalName } from './signal-name.js';
import {
  amountOf,
  noEqual,
  referenceOf,
  type Note,
  type Part,
  type TargetDraft,
  type Translation,
} from './translation.js';

/** Target of an HPA without metrics, percent of the CPU request (SetDefaults_HorizontalPodAutoscaler). */
const DEFAULT_UTILIZATION = 80;
const ALPHA = 'autoscaling.alpha.kubernetes.io/';

/** Translates a HorizontalPodAutoscaler. autoscaling/v2beta2 has the fields of v2. */
export function translateHpa(object: Fields, namespace: string): Translation {
  const version = object.string('apiVersion') ?? '';
  const [metadata, spec] = [object.fields('metadata'), object.fields('spec')];
  const name = metadata.required('name');
  const refused = refusal(version, name, metadata, namespace);
  if (refused) return { notes: [noEqual(refused)] };
  const target = spec.fields('scaleTargetRef');
  const maxReplicas = spec.count('maxReplicas');
  if (maxReplicas === undefined) return { notes: [noEqual('It has no maxReplicas, which it needs itself.')] };
  const minReplicas = spec.count('minReplicas') ?? 1;
  const metrics = version === 'autoscaling/v1' ? [utilizationOf(spec)] : metricsOf(spec);
  const behavior = behaviorOf(spec.fields('behavior'));
  const rule = {
    scale: name,
    scaleTargetRef: referenceOf(namespace, {
      apiVersion: target.string('apiVersion'),
      kind: target.required('kind'),
      name: target.required('name'),
    }),
    minReplicas: Math.max(1, minReplicas),
    maxReplicas,
    targets: metrics.flatMap((metric) => ('found' in metric ? [metric.found] : [])),
    ...(behavior && { behavior }),
  };
  const missing = metrics.flatMap((metric) => ('missing' in metric ? [metric.missing] : []));
  return { rule, notes: [...(minReplicas === 0 ? [SCALES_TO_ZERO] : []), ...missing] };
}

const SCALES_TO_ZERO: Note = noEqual(
  'minReplicas is 0: it scales to zero while its metric is 0, and the rule keeps 1. Complete this to scale to zero:',
  'idle: { after: 5m, replicas: 0, activation: { expr: <PromQL of the metric>, above: 0 } }',
);

function refusal(version: string, name: string, metadata: Fields, namespace: string): string | undefined {
  const cure = `import what this prints: kubectl get hpa.v2.autoscaling ${name} -n ${namespace} -o yaml`;
  if (!['autoscaling/v2', 'autoscaling/v2beta2', 'autoscaling/v1'].includes(version)) {
    return `It is of ${version}, whose metrics are written another way; ${cure}`;
  }
  const annotations = metadata.texts('annotations');
  const hidden = ['metrics', 'behavior'].filter((what) => annotations[ALPHA + what] !== undefined);
  if (version !== 'autoscaling/v1' || hidden.length === 0) return undefined;
  return `It is of autoscaling/v1 and has its ${hidden.join(' and ')} in annotations; ${cure}`;
}

function utilizationOf(spec: Fields): Part<TargetDraft> {
  const averageUtilization = spec.count('targetCPUUtilizationPercentage') ?? DEFAULT_UTILIZATION;
  return { found: { signal: 'cpu', averageUtilization } };
}

function metricsOf(spec: Fields): Part<TargetDraft>[] {
  const metrics = spec.list('metrics');
  if (metrics.length === 0) return [{ found: { signal: 'cpu', averageUtilization: DEFAULT_UTILIZATION } }];
  return metrics.map(metricOf);
}

function metricOf(metric: Fields): Part<TargetDraft> {
  const type = metric.string('type') ?? '';
  if (type === 'Resource' || type === 'ContainerResource') {
    const source = metric.fields(type === 'Resource' ? 'resource' : 'containerResource');
    const target = source.fields('target');
    return resourceTarget(source.string('name') ?? '', {
      type: target.string('type'),
      averageUtilization: target.value('averageUtilization'),
      averageValue: target.value('averageValue'),
      container: source.string('container'),
    });
  }
  const source = metric.fields(type.toLowerCase());
  return { missing: metricOfAdapter(type, source) };
}

/** Where each type of metric comes from: none of them tells its query. */
const ADAPTERS: Readonly<Record<string, string>> = {
  Pods: 'custom.metrics.k8s.io, summed over the pods of the workload',
  Object: 'custom.metrics.k8s.io',
  External: 'external.metrics.k8s.io',
};

function metricOfAdapter(type: string, source: Fields): Note {
  const adapter = own(ADAPTERS, type);
  if (adapter === undefined)
    return noEqual(`A metric of type "${type}" has no equal; give it as expr, in PromQL.`);
  const [metric, target] = [source.fields('metric'), source.fields('target')];
  const described = source.fields('describedObject');
  const name = metric.string('name') ?? '';
  const labels = Object.entries(metric.fields('selector').texts('matchLabels')).map(
    ([key, value]) => `${key}="${value}"`,
  );
  const of = described.string('name');
  const what = [
    `${type} metric ${name}`,
    ...(labels.length > 0 ? [`with ${labels.join(', ')}`] : []),
    ...(of === undefined ? [] : [`of ${described.string('kind') ?? ''} ${of}`]),
  ].join(' ');
  const isValue = target.string('type') === 'Value';
  const amount = amountOf(target.value(isValue ? 'value' : 'averageValue')) ?? '<amount>';
  return noEqual(
    `${what}: its query is in the configuration of the adapter that serves ${adapter}. Add it as a target:`,
    `{ signal: ${signalName(name)}, expr: <PromQL>, ${isValue ? 'value' : 'averageValue'}: ${amount} }`,
  );
}
