import { expect } from 'chai';
import { eventually } from '../../../eventually.js';

import type { ExplainedDecision } from '../../../../scaler/core/decision.js';
import { EMPTY_HISTORY } from '../../../../scaler/core/round.js';
import type { Rule } from '../../../../scaler/core/types.js';
import type { WatchedWorkload } from '../../../../scaler/kubernetes/objects.js';
import { assign } from '../../../../scaler/loop/assignments.js';
import { Histories } from '../../../../scaler/loop/histories.js';
import { toEvent, DecisionRecords, isChange, type DecisionRecord } from '../../../../scaler/loop/record.js';
import { Ticker } from '../../../../scaler/loop/scaler.js';
import { parseRules } from '../../../../scaler/rules/load.js';
import type { RuleGroup } from '../../../../scaler/rules/types.js';
import { decisionOf, harmOf, healthy, ON_DISK, RULE } from '../core/traces.js';
import { recordOf } from '../decisions.js';

function groupsOf(text: string): readonly RuleGroup[] {
  const { groups, errors } = parseRules('rules.yaml', text);
  expect(errors).to.deep.equal([]);
  return groups;
}

function deployment(name: string, labels: Record<string, string> = {}, namespace = 'shop'): WatchedWorkload {
  return {
    ref: { apiVersion: 'apps/v1', kind: 'Deployment', namespace, name },
    uid: name,
    labels,
    replicas: 2,
  };
}

function record(extra: Partial<DecisionRecord>): DecisionRecord {
  return {
    group: 'g',
    scale: 'cart',
    apiVersion: 'apps/v1',
    namespace: 'shop',
    workload: 'cart',
    workloadKind: 'Deployment',
    at: 1000,
    class: 'cpu',
    action: 'scale',
    currentReplicas: 2,
    replicas: 2,
    minReplicas: 1,
    maxReplicas: 5,
    reason: 'because',
    dryRun: false,
    applied: extra.outcome === 'applied',
    outcome: 'unchanged',
    labels: {},
    annotations: {},
    trace: {} as ExplainedDecision['trace'],
    ...extra,
  };
}

describe('assignment', () => {
  const groups = groupsOf(`groups:
  - name: fleet
    rules:
      - scale: backend
        match: {kind: Deployment, namespaces: [shop, billing], selector: {matchLabels: {tier: backend}}}
        maxReplicas: 5
      - scale: others
        match:
          kind: Deployment
          selector:
            matchExpressions:
              - {key: tier, operator: NotIn, values: [frontend]}
              - {key: kernscale, operator: DoesNotExist}
        maxReplicas: 3
  - name: named
    rules:
      - scale: cart
        scaleTargetRef: {kind: Deployment, namespace: shop, name: cart}
        maxReplicas: 9
`);
  const owners = (workloads: readonly WatchedWorkload[]): Record<string, string> =>
    Object.fromEntries([...assign(groups, workloads)].map(([key, { rule }]) => [key, rule.scale]));

  it('prefers the rule that names the workload, then the first fleet rule that matches', () => {
    const backend = { tier: 'backend' };
    expect(owners([deployment('cart', backend), deployment('mail', backend), deployment('x')])).to.deep.equal(
      {
        'shop/Deployment/cart': 'cart',
        'shop/Deployment/mail': 'backend',
        'shop/Deployment/x': 'others',
      },
    );
  });

  it('follows namespace, kind and every operator of a selector', () => {
    const database = deployment('db');
    const set = { ...database, ref: { ...database.ref, kind: 'StatefulSet' } };
    const excluded = [set, deployment('web', { tier: 'frontend' }), deployment('off', { kernscale: 'no' })];
    expect(owners(excluded)).to.deep.equal({ 'shop/Deployment/cart': 'cart' });
    const backend = { tier: 'backend' };
    expect(owners([deployment('y', backend, 'billing'), deployment('y', backend, 'other')])).to.include({
      'billing/Deployment/y': 'backend',
      'other/Deployment/y': 'others',
    });
  });

  it('follows the labels of namespaces, and leaves a workload alone while they are not known', () => {
    const rule = (name: string, selector: string) =>
      `      - {scale: ${name}, match: {kind: Deployment${selector}}, maxReplicas: 9}\n`;
    const text = `groups:\n  - name: g\n    rules:\n${rule('team', ', namespaceSelector: {matchLabels: {team: web}}')}${rule('rest', '')}`;
    const rules = parseRules('r.yaml', text).groups;
    const ownerOf = (namespaceLabels?: Record<string, string>) =>
      assign(rules, [{ ...deployment('a'), ...(namespaceLabels && { namespaceLabels }) }]).get(
        'shop/Deployment/a',
      )?.rule.scale;
    expect(ownerOf({ team: 'web' })).to.equal('team');
    expect(ownerOf({ team: 'data' })).to.equal('rest');
    expect(ownerOf()).to.equal(undefined);
  });

  it('assigns a named workload even while it does not exist', () => {
    expect(owners([])).to.deep.equal({ 'shop/Deployment/cart': 'cart' });
  });
});

describe('DecisionRecords', () => {
  it('keeps the last record of each workload, and every change', () => {
    const records = new DecisionRecords();
    records.put(record({}));
    records.put(record({ at: 1001, class: 'disk', action: 'hold' }));
    records.put(record({ at: 1002, class: 'disk', action: 'hold' }));
    records.put(record({ at: 1003, replicas: 4, outcome: 'applied' }));
    expect(records.list().map(({ at }) => at)).to.deep.equal([1003]);
    expect(records.changes().map(({ at }) => at)).to.deep.equal([1003, 1001]);
  });

  it('keeps a bounded number of changes', () => {
    const records = new DecisionRecords();
    for (let at = 0; at < 600; at++) records.put(record({ at, outcome: 'applied' }));
    expect(records.changes()).to.have.length(500);
    expect(records.changes()[0]?.at).to.equal(599);
  });

  it('drops workloads that no rule scales any more', () => {
    const records = new DecisionRecords();
    records.put(record({}));
    expect(records.retain(() => true)).to.deep.equal([]);
    expect(records.retain(() => false)).to.have.length(1);
    expect(records.list()).to.deep.equal([]);
  });

  it('does not treat a repeated dry run as a change', () => {
    const dry = record({ outcome: 'dry_run', replicas: 4 });
    expect(isChange(dry, undefined)).to.equal(true);
    expect(isChange(dry, dry)).to.equal(false);
  });
});

describe('toEvent', () => {
  const up = record({ replicas: 4, outcome: 'applied' });
  const failed = record({
    replicas: 4,
    outcome: 'failed',
    error: { code: 'API_FORBIDDEN', message: 'no right' },
  });
  const held = record({ class: 'disk', action: 'hold' });

  it('reports changes', () => {
    expect(toEvent(up, undefined)).to.deep.equal({
      type: 'Normal',
      reason: 'ScaledUp',
      message: '2 → 4 replicas: because',
    });
    expect(toEvent(record({ replicas: 1, outcome: 'applied' }), up)).to.include({ reason: 'ScaledDown' });
  });

  it('reports a failure once', () => {
    expect(toEvent(failed, up)).to.include({ type: 'Warning', reason: 'ScaleFailed' });
    expect(toEvent(failed, failed)).to.equal(undefined);
  });

  it('reports once that a workload is held', () => {
    expect(toEvent(held, up)).to.include({ reason: 'Held' });
    expect(toEvent(held, held)).to.equal(undefined);
    expect(toEvent(record({}), up)).to.equal(undefined);
  });

  it('reports once why pods cannot be seen into, however many they are', () => {
    const blind = (pods: number, why: string) => recordOf(RULE, decisionOf({ opaque: { pods, of: 8, why } }));
    expect(toEvent(blind(3, 'node pi-2 has no BTF'), undefined)).to.deep.equal({
      type: 'Warning',
      reason: 'PodsOpaque',
      message: 'Cannot see into 3 of 8 pods: node pi-2 has no BTF',
    });
    expect(toEvent(blind(4, 'node pi-2 has no BTF'), blind(3, 'node pi-2 has no BTF'))).to.equal(undefined);
    expect(toEvent(blind(4, 'node pi-3 has no BTF'), blind(3, 'node pi-2 has no BTF'))).to.include({
      reason: 'PodsOpaque',
    });
  });

  it('reports once to whom the replicas are left, from the first round on, and that they are its own again', () => {
    const left = (to: 'otherAutoscaler' | 'paused' | 'otherWriter', by: string) =>
      recordOf(RULE, decisionOf({ bindingConstraint: to, yields: { to, by } }));
    const hpa = left('otherAutoscaler', 'HorizontalPodAutoscaler shop/web');
    expect(toEvent(hpa, undefined)).to.deep.equal({
      type: 'Warning',
      reason: 'OtherAutoscaler',
      message: hpa.reason,
    });
    expect(toEvent(hpa, hpa)).to.equal(undefined);
    expect(toEvent(left('paused', 'load test'), hpa)).to.include({ type: 'Normal', reason: 'Paused' });
    expect(toEvent(left('otherWriter', 'helm'), left('otherWriter', 'kubectl'))).to.include({
      type: 'Warning',
      reason: 'ReplicasChanged',
    });
    const own = recordOf(RULE, decisionOf({}));
    expect(toEvent(own, hpa)).to.include({ type: 'Normal', reason: 'Resumed' });
    expect([isChange(own, hpa), isChange(hpa, own), isChange(hpa, hpa)]).to.deep.equal([true, true, false]);
  });

  it('reports harm that begins or has another cause, once, and not its end', () => {
    const harmed = (cause: string) =>
      recordOf(RULE, decisionOf({ harm: harmOf(cause, ON_DISK), class: 'cpu' }));
    const well = recordOf(RULE, decisionOf({ harm: healthy(ON_DISK), class: 'cpu' }));
    expect(toEvent(harmed('disk'), well)).to.deep.equal({
      type: 'Warning',
      reason: 'Harmed',
      message: harmed('disk').reason,
    });
    expect(toEvent(harmed('disk'), harmed('disk'))).to.equal(undefined);
    expect(toEvent(harmed('lock'), harmed('disk'))).to.include({ reason: 'Harmed' });
    expect(toEvent(well, harmed('disk'))).to.equal(undefined);
    expect(isChange(well, harmed('disk'))).to.equal(true);
  });
});

describe('Histories', () => {
  const decide: Rule['decide'] = [
    { bound: 'disk', when: { blockio: { above: 0.4 } }, for: 20, keepFor: 0, action: 'hold', maxHops: 4 },
  ];
  const rule = { decide } as unknown as Rule;
  const history = {
    ...EMPTY_HISTORY,
    steps: { '0:disk': { since: 5 } },
    recommendations: [{ replicas: 3, at: 9 }],
  };

  it('survive a reload of an unchanged rule, and lose only the timers of edited steps', () => {
    const histories = new Histories();
    histories.set('k', rule, history);
    expect(histories.get('k', structuredClone(rule))).to.equal(history);
    const edited = { decide: [{ ...decide[0]!, for: 30 }] } as unknown as Rule;
    expect(histories.get('k', edited)).to.deep.equal({ ...history, steps: {} });
    histories.retain((workload) => workload !== 'k');
    expect(histories.get('k', rule)).to.equal(EMPTY_HISTORY);
  });
});

describe('Ticker', () => {
  it('never overlaps rounds, and reports those that it skips', async () => {
    let running = 0;
    let most = 0;
    let rounds = 0;
    let missed = 0;
    let endRound = (): void => undefined;
    const ticker = new Ticker(
      async () => {
        most = Math.max(most, ++running);
        rounds++;
        await new Promise<void>((resolve) => (endRound = resolve));
        running--;
      },
      () => missed++,
    );
    ticker.start(0.01);
    await eventually('three skipped rounds', () => missed > 2);
    expect(rounds).to.equal(1);
    endRound();
    await eventually('the next round', () => rounds === 2);
    const stopped = ticker.stop();
    endRound();
    await stopped;
    expect({ most, running, rounds }).to.deep.equal({ most: 1, running: 0, rounds: 2 });
  });
});
