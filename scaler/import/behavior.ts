import type { Fields } from '../../common/fields.js';
import { schemaFindings } from '../rules/findings.js';
import { ruleSchema } from '../rules/schema.js';
import { noEqual, type Note } from './translation.js';

/** The behavior of HPA v2, whose names and defaults are those of rules; nothing where it says nothing. */
export function behaviorOf(behavior: Fields): { behavior?: object; notes: readonly Note[] } {
  const sides = ['scaleUp', 'scaleDown'].map((side) => [side, scalingRules(behavior.fields(side))] as const);
  const found = nonEmpty(Object.fromEntries(sides));
  if (!found) return { notes: [] };
  const faults = schemaFindings(ruleSchema.shape.behavior, found).map(({ message }) => message);
  if (faults.length === 0) return { behavior: found, notes: [] };
  return { notes: [noEqual(`behavior is left out: ${faults.join('; ')}.`)] };
}

function scalingRules(rules: Fields): object | undefined {
  const policies = rules.list('policies').map((policy) => ({
    type: policy.string('type'),
    value: policy.count('value'),
    periodSeconds: policy.count('periodSeconds'),
  }));
  // Read to name a fault; a rule takes the text of a quantity as it is.
  const tolerance = rules.quantity('tolerance') === undefined ? undefined : rules.value('tolerance');
  return nonEmpty({
    stabilizationWindowSeconds: rules.count('stabilizationWindowSeconds'),
    selectPolicy: rules.string('selectPolicy'),
    policies: policies.length > 0 ? policies : undefined,
    tolerance,
  });
}

function nonEmpty(fields: Readonly<Record<string, unknown>>): object | undefined {
  const given = Object.entries(fields).filter(([, value]) => value !== undefined);
  return given.length > 0 ? Object.fromEntries(given) : undefined;
}
