import { expect } from 'chai';
import { formatRuleError, parseRules } from '../../../../scaler/rules/load.js';
import { builtInSignals } from '../../../../scaler/promql/signals.js';
import type { WorkloadRule } from '../../../../scaler/rules/types.js';

export const REF = 'scaleTargetRef: {kind: Deployment, namespace: shop, name: web}';
export const SHORTEST = `groups:
  - name: shop
    rules:
      - scale: web
        ${REF}
        maxReplicas: 20
`;

/** Returns a file of one rule with additional lines. */
export function ruleWith(...lines: string[]): string {
  return SHORTEST + lines.map((line) => `        ${line}\n`).join('');
}

/** Returns the errors of a file as `code line:column message`, without group and rule. */
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

/** Rule with every default written out; `…` stands for the built-in expression of the signal. */
export const EVERY_DEFAULT = `groups:
  - name: shop
    interval: 10s
    signals:                       # one PromQL vector per signal for the whole group, never one query per workload
      cpu:     {expr: …, maxAge: 45s}     # CPU used per workload, in cores
      blockio: {expr: …, maxAge: 45s}     # share of busy thread time (every state but idle and sleep) blocked on a disk
      wait:    {expr: …, maxAge: 45s}     # the same, blocked on a peer
      lock:    {expr: …, maxAge: 45s}
      edges:   {expr: …, maxAge: 45s}     # seconds per second that a workload waits on each peer
    rules:
      - scale: checkout
        scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, namespace: shop, name: checkout}
        minReplicas: 2
        maxReplicas: 20
        target: {signal: cpu, averageUtilization: 70}   # % of the request, HPA's meaning; or averageValue in cores
        harm: {latency: 2, atLeast: 10ms, backlog: 2s, abandoned: 0.05, rounds: 2}     # latency: times the usual
        decide:                    # what to do about each cause of harm; no harm: size by target, up and down
          - {bound: disk,       action: hold}
          - {bound: cpu,        action: scale}
          - {bound: dependency, action: follow, maxHops: 8}
          - {bound: lock,       action: step}
        behavior:                  # HPA v2's defaults
          scaleUp:   {stabilizationWindowSeconds: 0, tolerance: 0.1}
          scaleDown: {stabilizationWindowSeconds: 300, tolerance: 0.1}
        dryRun: false
        labels: {team: shop}
        annotations: {runbook: …}
`.replace(/(\w+): +\{expr: …/g, (_, signal: string) => {
  return `${signal}: {expr: ${JSON.stringify(builtInSignals('1m')[signal])}`;
});

export const FEWEST_KNOBS = `groups:
  - name: shop
    rules:
      - scale: checkout
        scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, namespace: shop, name: checkout}
        minReplicas: 2
        maxReplicas: 20
`;
