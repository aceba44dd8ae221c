import { expect } from 'chai';
import { recallReplicas } from '../../../../scaler/loop/recall.js';
import type { Grid, RangeResult } from '../../../../scaler/promql/range.js';
import { failed } from '../../../../scaler/promql/response.js';
import { parseRules } from '../../../../scaler/rules/load.js';

const NOW = 1_700_000_000;
const LABELS = { namespace: 'shop', workload: 'cart', workload_kind: 'Deployment' };

function groupsOf(period: number) {
  return parseRules(
    'r.yaml',
    `groups:
  - name: shop
    rules:
      - scale: cart
        scaleTargetRef: {kind: Deployment, namespace: shop, name: cart}
        maxReplicas: 20
        behavior: {scaleDown: {policies: [{type: Pods, value: 1, periodSeconds: ${period}}]}}
`,
  ).groups;
}

describe('recallReplicas', () => {
  const queries: [string, Grid][] = [];
  const range = (expr: string, grid: Grid): Promise<RangeResult> => {
    queries.push([expr, grid]);
    const values = Float64Array.of(2, 2, 0, 4, 4, NaN, 3);
    const present = Uint8Array.of(1, 1, 0, 1, 1, 1, 1);
    return Promise.resolve({ ok: true, series: [{ labels: LABELS, values, present }] });
  };

  beforeEach(() => {
    queries.length = 0;
  });

  it('returns replicas where they changed, as far back as a policy looks', async () => {
    const past = await recallReplicas(range, groupsOf(90), NOW, 'cluster="a"');
    const expr = 'max by (namespace, workload, workload_kind) (kernscale_rule_current_replicas{cluster="a"})';
    expect(queries).to.deep.equal([[expr, { from: NOW - 90, step: 15, count: 7 }]]);
    expect(past).to.deep.equal(
      new Map([
        [
          'shop/Deployment/cart',
          [
            { at: NOW - 90, replicas: 2 },
            { at: NOW - 45, replicas: 4 },
            { at: NOW, replicas: 3 },
          ],
        ],
      ]),
    );
  });

  it('asks nothing where every period is over once a process has started', async () => {
    expect(await recallReplicas(range, groupsOf(15), NOW, undefined)).to.deep.equal(new Map());
    expect(queries).to.deep.equal([]);
  });

  it('returns a failure as it is', async () => {
    const failure = failed('unreachable', 'refused');
    expect(await recallReplicas(() => Promise.resolve(failure), groupsOf(90), NOW, undefined)).to.equal(
      failure,
    );
  });
});
