import { expect } from 'chai';
import type { Pod } from '../../../../scaler/core/types.js';
import { assign } from '../../../../scaler/loop/assignments.js';
import { Histories } from '../../../../scaler/loop/histories.js';
import { DecisionRecords } from '../../../../scaler/loop/record.js';
import { runRound } from '../../../../scaler/loop/round.js';
import type { QueryResult } from '../../../../scaler/promql/response.js';
import { parseRules } from '../../../../scaler/rules/load.js';
import { pod } from '../core/fixtures.js';

const NOW = 1_700_000_000;

/** Two rules that define a signal of one name, and a fleet whose expression is asked for each workload. */
const RULES = `groups:
  - name: shop
    rules:
      - scale: web
        scaleTargetRef: {kind: Deployment, namespace: shop, name: web}
        maxReplicas: 20
        target: {signal: queue, expr: 'sum(web_queue{q="$workload"})', averageValue: 10}
      - scale: api
        scaleTargetRef: {kind: Deployment, namespace: shop, name: api}
        maxReplicas: 20
        target: {signal: queue, expr: 'sum(api_queue{q="$workload"})', averageValue: 10}
      - scale: workers
        match: {kind: Deployment, selector: {matchLabels: {role: worker}}}
        maxReplicas: 20
        target: {signal: queue, expr: 'sum(jobs{q="$namespace/$workload"})', averageValue: 10}
      - scale: pods
        match: {kind: Deployment}
        maxReplicas: 20
        target: {signal: open, expr: 'sum by (pod) (open{pod=~"$pods"})', averageValue: 10}
`;

/** Results by a part of the expression, which name the workload that the expression labels them with. */
const RESULTS: Readonly<Record<string, number>> = {
  web_queue: 40,
  api_queue: 70,
  'shop/a': 30,
  'shop/b': 50,
};

function labelOf(expr: string, label: string): string {
  return new RegExp(`"${label}", "([^"]+)", "", ""`).exec(expr)?.[1] ?? '';
}

async function run(pods: Readonly<Record<string, readonly Pod[]>>) {
  const sent: string[] = [];
  const query = (expr: string): Promise<QueryResult> => {
    sent.push(expr);
    if (expr.includes('timestamp(')) return Promise.resolve(answer([[{}, NOW]]));
    const labels = {
      namespace: labelOf(expr, 'namespace'),
      workload: labelOf(expr, 'workload'),
      workload_kind: labelOf(expr, 'workload_kind'),
    };
    const byPod = /"\((.*)\)"/.exec(expr)?.[1]?.split('|');
    if (byPod) return Promise.resolve(answer(byPod.map((name) => [{ ...labels, pod: name }, 25])));
    const found = Object.keys(RESULTS).find(
      (part) => expr.includes(`${part}{`) || expr.includes(`"${part}"`),
    );
    return Promise.resolve(answer(found === undefined ? [] : [[labels, RESULTS[found]!]]));
  };
  const { groups, errors } = parseRules('r.yaml', RULES);
  expect(errors).to.deep.equal([]);
  const workloads = ['web', 'api', 'a', 'b', 'c'].map((name) => ({
    ref: { apiVersion: 'apps/v1', kind: 'Deployment', namespace: 'shop', name },
    uid: name,
    labels: { role: ['a', 'b'].includes(name) ? 'worker' : 'server' },
    replicas: 2,
  }));
  const known = new Map(Object.entries(pods).map(([name, list]) => [`shop/Deployment/${name}`, list]));
  const { decisions, problems } = await runRound(groups[0]!, assign(groups, workloads), {
    query,
    cluster: {
      synced: true,
      knowsWorkloads: true,
      workloads: () => workloads,
      topology: () => ({ resolve: () => undefined }),
      pods: () => known,
    },
    scales: { get: () => Promise.reject(new Error('all replicas are known')) },
    histories: new Histories(),
    records: new DecisionRecords(),
    clock: () => NOW,
    queryOffset: 0,
  });
  const byName = new Map(
    decisions.map(({ assignment, decision }) => [assignment.rule.scaleTargetRef.name, decision]),
  );
  return { sent, byName, problems };
}

function answer(rows: readonly (readonly [Readonly<Record<string, string>>, number])[]): QueryResult {
  return { ok: true, samples: rows.map(([labels, value]) => ({ labels, value, timestamp: NOW })) };
}

describe('signals that rules define themselves', () => {
  it('are those of the rule of a workload, under one name', async () => {
    const { byName } = await run({});
    const demands = ['web', 'api', 'a', 'b'].map((name) => byName.get(name)!.trace.sizing?.demand);
    expect(demands).to.deep.equal([40, 70, 30, 50]);
    expect(byName.get('a')!.trace.inputs.map(({ signal }) => signal)).to.include('queue');
  });

  it('name the pods that there are, and are by pod', async () => {
    const { sent, byName } = await run({ c: [pod('c-1'), pod('c-2'), pod('c-3', { deleted: true })] });
    expect(sent.filter((expr) => expr.includes('sum by (pod) (open{pod=~"(c-1|c-2)"})'))).to.have.length(1);
    expect(byName.get('c')!.trace.sizing).to.deep.include({
      signal: 'open',
      demand: 50,
      targetPerPod: 10,
      replicas: 5,
    });
  });

  it('are absent where pods are not known, with the reason, and keep the replicas', async () => {
    const { sent, byName, problems } = await run({});
    expect(sent.filter((expr) => expr.includes('open{'))).to.deep.equal([]);
    expect(byName.get('c')).to.include({ replicas: 2, class: 'unknown' });
    expect(byName.get('c')!.reason).to.contain('not queried: it needs a query for each workload');
    expect(problems).to.deep.equal([]);
  });
});
