import { oncePer } from '../../common/once.js';
import type { ConditionTrace, StepTrace } from './decision.js';
import { isAbsent } from './reading.js';
import { elapsed } from './time.js';
import type { Condition, DecideStep, Reading, StepState } from './types.js';

export interface Classification {
  /** The first step that matches, if any does. */
  readonly step: DecideStep | undefined;
  readonly traces: readonly StepTrace[];
  /** Step states after this round, keyed as in `History.steps`. */
  readonly states: Readonly<Record<string, StepState>>;
}

/**
 * Finds the first step whose conditions have held for `for`, or did until less than `keepFor` ago.
 *
 * The timers of every step advance, whichever matches. An absent value neither starts nor ends anything: it does
 * not match, and it does not prove that the conditions have ended.
 *
 * @param read returns the reading of a signal, or of `target`
 * @param harmedBy the class of the cause that harms the workload; decides a step without conditions
 */
export function classify(
  steps: readonly DecideStep[],
  read: (signal: string) => Reading,
  harmedBy: string | undefined,
  previous: Readonly<Record<string, StepState>>,
  now: number,
): Classification {
  const states: Record<string, StepState> = {};
  const traces = outlineOf(steps).map(({ step, key, conditions }) => {
    const evidence = conditions.map((condition) => weigh(condition, read(condition.signal)));
    const holds = step.when ? allHold(evidence) : step.bound === harmedBy;
    const state = advance(previous[key] ?? {}, step, holds, now);
    states[key] = state;
    return traceOf(step, state, evidence, holds, now);
  });
  const first = traces.findIndex(({ outcome }) => outcome === 'matched' || outcome === 'keeping');
  return { step: steps[first], traces, states };
}

/** The parts of the steps that are the same in every round. */
const outlineOf = oncePer((steps: readonly DecideStep[]) =>
  steps.map((step, index) => ({
    step,
    key: `${index}:${step.bound}`,
    conditions: Object.entries(step.when ?? {}).map(([signal, condition]) => ({ signal, ...condition })),
  })),
);

function weigh(condition: Condition & { readonly signal: string }, reading: Reading): ConditionTrace {
  if (isAbsent(reading)) return condition;
  const { value } = reading;
  const { signal, above, below } = condition;
  const holds = value > (above ?? -Infinity) && value < (below ?? Infinity);
  // A spread would take many times as long.
  if (below === undefined) return { signal, above: above!, value, holds };
  return above === undefined ? { signal, below, value, holds } : { signal, above, below, value, holds };
}

/** False when any condition fails, else undefined when any is unknown, else true. */
function allHold(evidence: readonly ConditionTrace[]): boolean | undefined {
  if (evidence.some(({ holds }) => holds === false)) return false;
  return evidence.every(({ holds }) => holds) ? true : undefined;
}

function advance(state: StepState, step: DecideStep, holds: boolean | undefined, now: number): StepState {
  if (holds === undefined) return state;
  if (!holds) return state.lastMatch === undefined ? {} : { lastMatch: state.lastMatch };
  const since = state.since ?? now;
  return elapsed(since, now) >= step.for ? { since, lastMatch: now } : { ...state, since };
}

function traceOf(
  step: DecideStep,
  state: StepState,
  evidence: readonly ConditionTrace[],
  holds: boolean | undefined,
  now: number,
): StepTrace {
  const { bound: workloadClass, action } = step;
  const traced = { class: workloadClass, action, outcome: outcomeOf(step, state, holds, now), evidence };
  return state.since === undefined ? traced : { ...traced, heldSeconds: elapsed(state.since, now) };
}

function outcomeOf(
  step: DecideStep,
  state: StepState,
  holds: boolean | undefined,
  now: number,
): StepTrace['outcome'] {
  if (holds && state.lastMatch === now) return 'matched';
  if (state.lastMatch !== undefined && elapsed(state.lastMatch, now) < step.keepFor) return 'keeping';
  if (holds === undefined) return 'unknown';
  return holds ? 'pending' : 'no';
}
