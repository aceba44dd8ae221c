import type { Fields } from '../../common/fields.js';
import { checkPromql } from '../promql/check.js';
import { exporterTarget } from './exporters.js';
import { resourceTarget } from './resource.js';
import { signalName } from './signal-name.js';
import { amountOf, noEqual, remark, type Note, type RuleDraft, type TargetDraft } from './translation.js';

/** What one trigger becomes. */
export interface Trigger {
  readonly target?: TargetDraft;
  readonly schedule?: NonNullable<RuleDraft['schedules']>[number];
  /** When the trigger wakes a workload that is idle: while `expr` is above. */
  readonly activation?: { readonly expr: string; readonly above: number };
  /** True for a trigger that KEDA wakes an idle workload for. */
  readonly wakes: boolean;
  readonly notes: readonly Note[];
}

export function triggerOf(trigger: Fields, index: number): Trigger {
  const type = trigger.string('type') ?? '';
  const metadata = trigger.fields('metadata');
  if (type === 'cpu' || type === 'memory') return resourceTrigger(type, trigger, metadata);
  if (type === 'cron') return cronTrigger(trigger.string('name') ?? `cron-${index + 1}`, metadata);
  if (type === 'prometheus') return prometheusTrigger(trigger, metadata, index);
  const { exporter, expr, threshold } = exporterTarget(type, metadata);
  const name = signalName(trigger.string('name') ?? type);
  const source = exporter === undefined ? 'the metric of an exporter' : `the metric of ${exporter}`;
  const note = noEqual(
    `Trigger ${type}: Kernscale reads all that it sizes by from Prometheus. Add ${source} as a target:`,
    `{ signal: ${name}, expr: '${expr}', ${isValue(trigger) ? 'value' : 'averageValue'}: ${threshold} }`,
  );
  return { wakes: true, notes: [note] };
}

function resourceTrigger(type: string, trigger: Fields, metadata: Fields): Trigger {
  const value = metadata.string('value');
  const part = resourceTarget(type, {
    // Up to KEDA 2.17, the metadata could have it.
    type: trigger.string('metricType') ?? metadata.string('type') ?? 'Utilization',
    averageUtilization: value,
    averageValue: value,
    container: metadata.string('containerName'),
  });
  if ('missing' in part) return { wakes: false, notes: [part.missing] };
  return { target: part.found, wakes: false, notes: [] };
}

function cronTrigger(name: string, metadata: Fields): Trigger {
  const [timeZone, start, end] = ['timezone', 'start', 'end'].map((field) => metadata.string(field));
  const minReplicas = Number(metadata.string('desiredReplicas'));
  if (!timeZone || !start || !end || !Number.isInteger(minReplicas) || minReplicas < 1) {
    const text =
      'A cron trigger lacks its timezone, start, end or a desiredReplicas of at least 1; complete this:';
    const sketch = `schedules: [{ name: ${name}, timeZone: ${timeZone ?? '<zone>'}, start: ${start ?? '<cron>'}, end: ${end ?? '<cron>'}, minReplicas: <number> }]`;
    return { wakes: true, notes: [noEqual(text, sketch)] };
  }
  return { schedule: { name, timeZone, start, end, minReplicas }, wakes: true, notes: [] };
}

function prometheusTrigger(trigger: Fields, metadata: Fields, index: number): Trigger {
  const expr = metadata.string('query')?.trim() ?? '';
  const amount = Number(amountOf(metadata.string('threshold')));
  const above = Number(metadata.string('activationThreshold') ?? 0);
  const fault =
    checkPromql(expr)?.message ??
    (Number.isFinite(amount + above) ? undefined : 'its threshold is no number of at least 0.001');
  if (fault !== undefined) {
    return { wakes: true, notes: [noEqual(`Trigger prometheus ${index + 1} is left out: ${fault}.`)] };
  }
  const signal = signalName(
    trigger.string('name') ?? metadata.string('metricName') ?? `prometheus_${index + 1}`,
  );
  const target = {
    signal,
    expr,
    ...(isValue(trigger) ? { value: amount } : { averageValue: amount }),
  };
  return { target, activation: { expr, above }, wakes: true, notes: queryNotes(signal, trigger, metadata) };
}

function queryNotes(signal: string, trigger: Fields, metadata: Fields): Note[] {
  const address = metadata.string('serverAddress');
  const credentials =
    trigger.value('authenticationRef') === undefined ? '' : ', with the credentials of its authenticationRef';
  const isLenient = !/^f(alse)?$/i.test(metadata.string('ignoreNullValues') ?? 'true');
  return [
    remark(
      `KEDA asks ${address ?? 'a Prometheus'}${credentials} for ${signal}; Kernscale asks the one of its --prometheus.url.`,
    ),
    ...(isLenient
      ? [
          remark(
            `KEDA takes an empty response for ${signal} as 0, Kernscale as missing data, on which nothing shrinks: append ` +
              '"or vector(0)" to the query where empty means 0.',
          ),
        ]
      : []),
  ];
}

function isValue(trigger: Fields): boolean {
  return trigger.string('metricType') === 'Value';
}
