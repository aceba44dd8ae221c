import type { Restrictions, Rule } from './types.js';

/** Prefix of the annotations by which a workload restricts its rule. */
export const ANNOTATIONS = 'kernscale.io/';
export const PAUSED = `${ANNOTATIONS}paused`;
const PAUSED_UNTIL = `${ANNOTATIONS}paused-until`;
export const BOUNDS = {
  minReplicas: `${ANNOTATIONS}min-replicas`,
  maxReplicas: `${ANNOTATIONS}max-replicas`,
} as const;
const KNOWN: ReadonlySet<string> = new Set([PAUSED, PAUSED_UNTIL, ...Object.values(BOUNDS)]);
/** RFC 3339: `Date.parse` takes more, such as a time in the zone of this machine. */
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/;
/** Characters of a reason that are kept. */
const MAX_REASON = 200;

type Annotations = Readonly<Record<string, string>>;

/**
 * The rule as the annotations of its workload restrict it. They narrow its bounds only; one that cannot be followed is
 * named, and the rule's own bound stays in force.
 *
 * @param annotations those with the prefix `ANNOTATIONS`
 */
export function restrict(rule: Rule, annotations: Annotations): Rule {
  const faults = Object.keys(annotations)
    .filter((name) => !KNOWN.has(name))
    .map((name) => `the annotation ${name} is not known`);
  const pause = pauseOf(annotations, faults);
  const bounds = boundsOf(rule, annotations, faults);
  return { ...rule, ...bounds, restrictions: { ...(pause && { pause }), ...bounds, faults } };
}

function pauseOf(annotations: Annotations, faults: string[]): Restrictions['pause'] {
  const { [PAUSED]: reason, [PAUSED_UNTIL]: end } = annotations;
  if (reason === 'false' || (reason === undefined && end === undefined)) return undefined;
  const until = end !== undefined && TIME.test(end) ? Date.parse(end) / 1000 : NaN;
  const hasEnd = Number.isFinite(until);
  if (end !== undefined && !hasEnd) {
    faults.push(
      `the annotation ${PAUSED_UNTIL} "${end}" is no time such as 2030-01-31T08:00:00Z: paused without an end`,
    );
  }
  return {
    reason: reason === undefined || reason === 'true' ? '' : reason.slice(0, MAX_REASON),
    ...(hasEnd && { until }),
  };
}

function boundsOf(
  rule: Rule,
  annotations: Annotations,
  faults: string[],
): Partial<Pick<Rule, keyof typeof BOUNDS>> {
  const read = (bound: keyof typeof BOUNDS): number | undefined => {
    const text = annotations[BOUNDS[bound]];
    if (text === undefined) return undefined;
    const value = /^\d+$/.test(text) ? Number(text) : NaN;
    if (value >= rule.minReplicas && value <= rule.maxReplicas) return value;
    const range = `${rule.minReplicas} to ${rule.maxReplicas}, the bounds of rule "${rule.scale}"`;
    faults.push(`the annotation ${BOUNDS[bound]} "${text}" is no whole number from ${range}`);
    return undefined;
  };
  const [minReplicas, maxReplicas] = [read('minReplicas'), read('maxReplicas')];
  if (minReplicas !== undefined && maxReplicas !== undefined && minReplicas > maxReplicas) {
    faults.push(
      `the annotation ${BOUNDS.minReplicas} "${minReplicas}" is above ${BOUNDS.maxReplicas} "${maxReplicas}"`,
    );
    return {};
  }
  return {
    ...(minReplicas !== undefined && { minReplicas }),
    ...(maxReplicas !== undefined && { maxReplicas }),
  };
}
