import { isCountable, MOST_COUNTABLE, parseQuantity } from '../../common/quantity.js';
import type { Path } from '../../common/yaml/document.js';
import { checkTemplate } from '../promql/template.js';
import { valueAt } from './findings.js';
import { checkSignalName, problem } from './checking.js';
import { RESOURCES, subjectOf } from './resource-signals.js';
import { targetSchema, type RawTarget } from './schema.js';
import type { RuleFinding } from './types.js';

/** Names in conditions that are no signals, and names of inputs that are none. */
const RESERVED = ['target', 'edges'];

/** @param known signals that a target may be on */
export function checkTargets(rawRule: object, path: Path, known: readonly string[]): RuleFinding[] {
  const [target, targets] = [valueAt(rawRule, ['target']), valueAt(rawRule, ['targets'])];
  if (target !== undefined && targets !== undefined) {
    const message = 'target and targets are mutually exclusive; move the one into the list of the others';
    return [problem('RULE_CONFLICT', [...path, 'target'], message, true)];
  }
  const signals = new Map<string, number>();
  return [
    ...checkTarget(target, [...path, 'target'], known),
    ...(Array.isArray(targets) ? targets : []).flatMap((one: unknown, index) => {
      const at = [...path, 'targets', index];
      const { data } = targetSchema.safeParse(one);
      const { signal } = data ? subjectOf(data) : { signal: `${index}` };
      const first = signals.get(signal);
      if (first === undefined) signals.set(signal, index);
      const message = `targets[${first}] is on signal "${signal}", too; keep one of them`;
      const again = first === undefined ? [] : [problem('RULE_CONFLICT', at, message)];
      return [...again, ...checkTarget(one, at, known)];
    }),
  ];
}

function checkTarget(raw: unknown, path: Path, known: readonly string[]): RuleFinding[] {
  const { data: target } = targetSchema.safeParse(raw);
  if (!target) return [];
  const { signal = 'cpu', averageUtilization, averageValue, value } = target;
  const findings = checkSource(target, path, known);
  const given = Object.keys({ averageUtilization, averageValue, value }).filter(
    (field) => target[field as 'value'] !== undefined,
  );
  if (given.length > 1) {
    const message = `${given.join(' and ')} are mutually exclusive; keep one of them`;
    findings.push(problem('RULE_CONFLICT', path, message));
  }
  const hasRequest = RESOURCES.includes(signal) && target.expr === undefined;
  if (target.container !== undefined && !hasRequest) {
    const message = `container applies only to the signals cpu and memory, not to "${signal}"; remove it`;
    findings.push(problem('RULE_CONFLICT', [...path, 'container'], message, true));
  }
  if (!hasRequest && averageValue === undefined && value === undefined) {
    const message = `target on "${signal}" needs averageValue or value; averageUtilization, a percentage of the request, applies only to cpu and memory`;
    findings.push(problem('RULE_CONFLICT', path, message));
  }
  for (const [field, amount] of Object.entries({ averageValue, value })) {
    const range = amount === undefined ? undefined : outOfRange(amount);
    if (range) findings.push(problem('RULE_OUT_OF_RANGE', [...path, field], `${field} must be ${range}`));
  }
  return findings;
}

/** Checks the signal of a target: one of the group, or one that its expression defines. */
function checkSource(
  { signal, expr, maxAge }: RawTarget,
  path: Path,
  known: readonly string[],
): RuleFinding[] {
  if (expr === undefined) {
    const findings = checkSignalName(signal ?? 'cpu', [...path, 'signal'], known);
    const message = "maxAge applies only to a target with expr; set that of a group's signal in signals";
    return maxAge === undefined
      ? findings
      : [...findings, problem('RULE_CONFLICT', [...path, 'maxAge'], message, true)];
  }
  const findings: RuleFinding[] = [];
  if (signal === undefined) {
    const message = 'a target with expr needs signal, a name for what it measures';
    findings.push(problem('RULE_MISSING_FIELD', path, message));
  } else if (known.includes(signal) || RESERVED.includes(signal)) {
    const message = `"${signal}" is a signal already; give what expr measures another name, or remove expr`;
    findings.push(problem('RULE_CONFLICT', [...path, 'signal'], message));
  }
  const fault = checkTemplate(expr);
  if (!fault) return findings;
  const message = `signal "${signal ?? ''}": ${fault.message}`;
  return [...findings, { code: 'RULE_PROMQL', path: [...path, 'expr'], offset: fault.offset, message }];
}

/** What a target must be, if it is not: it is counted in thousandths. */
function outOfRange(amount: string | number): string | undefined {
  const value = parseQuantity(amount);
  if (Math.round(1000 * value) < 1) return 'at least 0.001';
  return isCountable(value) ? undefined : `at most ${MOST_COUNTABLE}, not ${amount}`;
}
