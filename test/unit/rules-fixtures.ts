import { expect } from 'chai';
import { formatRuleError, parseRules } from '../../scaler/rules/load.js';
import type { WorkloadRule } from '../../scaler/rules/types.js';

export const REF = 'scaleTargetRef: {kind: Deployment, namespace: shop, name: web}';
export const SHORTEST = `groups:
  - name: shop
    rules:
      - scale: web
        ${REF}
        maxReplicas: 20
`;

/** A file of one rule with these further lines. */
export function ruleWith(...lines: string[]): string {
  return SHORTEST + lines.map((line) => `        ${line}\n`).join('');
}

/** The errors of a file as `code line:column message`, without group and rule. */
export function errorsOf(text: string): string[] {
  return parseRules('r.yaml', text).errors.map(
    ({ code, line, column, message }) => `${code} ${line}:${column} ${message}`,
  );
}

export function ruleOf(text: string): WorkloadRule {
  const { groups, errors } = parseRules('r.yaml', text);
  expect(errors.map(formatRuleError)).to.deep.equal([]);
  return groups[0]!.rules[0] as WorkloadRule;
}
