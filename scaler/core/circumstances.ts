import type { Decision, Yield } from './decision.js';
import { observeAbsence, type Absence } from './fallback.js';
import type { Outcome } from './outcome.js';
import { isAbsent } from './reading.js';
import type { History, Samples } from './round.js';
import type { Sizing } from './sizing.js';
import { restOf, type Rest } from './sleep.js';
import type { Absent, Rule } from './types.js';

/** What decides before demand does. */
export interface Circumstances {
  readonly yields: Yield | undefined;
  readonly absence: Absence | undefined;
  readonly rest: Rest | undefined;
}

/**
 * @param sizings by each target of the rule
 * @param noScaleDown reasons why this round must not remove replicas
 */
export function circumstancesOf(
  workload: { readonly rule: Rule; readonly samples: Samples; readonly history: History },
  sizings: readonly (Sizing | Absent)[],
  yields: Yield | undefined,
  noScaleDown: readonly string[],
  now: number,
): Circumstances {
  const { rule, samples, history } = workload;
  const rest = restOf(workload, sizings, noScaleDown.length === 0, now);
  // Without pods there is no data, as intended.
  const lacks = sizings.every(isAbsent) && samples.replicas > 0 && !rest?.isAsleep;
  return { yields, rest, absence: observeAbsence(history.absence, rule, lacks, now) };
}

/** What the next round needs to know of them; `done` where the decision is applied, too. */
export function keptBy(
  { absence, rest }: Circumstances,
  { bindingConstraint }: Outcome,
): Record<'lasting' | 'done', Pick<History, 'absence' | 'sleep'>> {
  // A write that failed may have been done all the same.
  const sleep =
    rest && (bindingConstraint === 'idle' ? { ...rest.sleep, asleep: true as const } : rest.sleep);
  return {
    lasting: { ...(absence && { absence }), ...(sleep && { sleep }) },
    done: absence && bindingConstraint === 'fallback' ? { absence: { ...absence, raised: true } } : {},
  };
}

export function circumstanceTrace(
  { inForce, restrictions }: Rule,
  { yields, absence, rest }: Circumstances,
): Pick<Decision['trace'], 'absence' | 'sleep' | 'schedules' | 'restrictions' | 'yields'> {
  return {
    ...(absence && { absence }),
    ...(rest && { sleep: rest.trace }),
    ...(inForce && { schedules: inForce }),
    ...(restrictions && { restrictions }),
    ...(yields && { yields }),
  };
}
