import type { Fields } from '../../common/fields.js';

/** The behavior of HPA v2, whose names and defaults are those of rules; undefined where it says nothing. */
export function behaviorOf(behavior: Fields): object | undefined {
  const sides = ['scaleUp', 'scaleDown'].map((side) => [side, scalingRules(behavior.fields(side))] as const);
  return nonEmpty(Object.fromEntries(sides));
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
