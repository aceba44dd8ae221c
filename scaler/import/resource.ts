import { amountOf, noEqual, type Part, type TargetDraft } from './translation.js';

interface ResourceMetric {
  /** `Utilization` or `AverageValue`; undefined: whichever is given. */
  readonly type: string | undefined;
  readonly averageUtilization: unknown;
  readonly averageValue: unknown;
  readonly container: string | undefined;
}

/** The target for CPU or memory of pods, or of one container in each. */
export function resourceTarget(resource: string, metric: ResourceMetric): Part<TargetDraft> {
  const { type, container } = metric;
  if (resource !== 'cpu' && resource !== 'memory') {
    return { missing: noEqual(`The resource ${resource} has no signal; give its use as expr, in PromQL.`) };
  }
  const of = { signal: resource, ...(container !== undefined && { container }) };
  const isUtilization = type === 'Utilization' || (type === undefined && metric.averageUtilization != null);
  const [averageUtilization, averageValue] = [
    Number(metric.averageUtilization),
    amountOf(metric.averageValue),
  ];
  if (isUtilization && Number.isInteger(averageUtilization) && averageUtilization >= 1) {
    return { found: { ...of, averageUtilization } };
  }
  if (!isUtilization && averageValue !== undefined) return { found: { ...of, averageValue } };
  const amount = String(isUtilization ? metric.averageUtilization : metric.averageValue);
  return { missing: noEqual(`The target of ${resource}, ${amount}, is no amount that a rule can have.`) };
}
