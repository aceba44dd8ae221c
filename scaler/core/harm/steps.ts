import { oncePer } from '../../../common/once.js';
import { isAbsent } from '../reading.js';
import { TARGET, type DecideStep, type Rule, type Samples } from '../types.js';

const SUSTAINED = 20;

/** Conditions that tell a cause by shares of busy thread time alone, where no requests tell it. */
const ABSOLUTE: Readonly<Record<string, Pick<DecideStep, 'when' | 'for'>>> = {
  disk: { when: { blockio: { above: 0.4 } }, for: SUSTAINED },
  dependency: { when: { wait: { above: 0.5 } }, for: SUSTAINED },
  lock: { when: { lock: { above: 0.5 } }, for: SUSTAINED },
};

/**
 * The steps of a rule whose conditions are weighed in a round.
 *
 * A step without conditions is about harm, which requests tell. Where they are not measured (an exporter of the first
 * release), it has the conditions of the first release. Where there are none (a consumer, a batch), a disk and a lock
 * still hold it; what it waits for does not, because waiting is all that an idle consumer does.
 */
export function stepsInForce(rule: Rule, { windows }: Samples): readonly DecideStep[] {
  if (!windows) return unmeasured(rule);
  const serves = isAbsent(windows.settled) || hasRequests(windows.settled.requests);
  return serves ? measured(rule) : unserved(rule);
}

function hasRequests(requests: { readonly arrived: number; readonly outstanding: number } | undefined): boolean {
  return requests !== undefined && (requests.arrived > 0 || requests.outstanding > 0);
}

const measured = oncePer((rule: Rule) => rule.decide.map((step) => step));
const unmeasured = oncePer((rule: Rule) => rule.decide.map((step) => absolute(rule, step)));
const unserved = oncePer((rule: Rule) =>
  rule.decide.map((step) => (step.bound === 'dependency' ? step : absolute(rule, step))),
);

function absolute({ target }: Rule, step: DecideStep): DecideStep {
  if (step.when) return step;
  if (step.bound === target.signal) return { ...step, when: { [TARGET]: { above: 1 } } };
  const conditions = Object.hasOwn(ABSOLUTE, step.bound) ? ABSOLUTE[step.bound] : undefined;
  // Without requests nothing shows whether a step has helped.
  return conditions ? { ...step, ...conditions, action: step.action === 'step' ? 'hold' : step.action } : step;
}
