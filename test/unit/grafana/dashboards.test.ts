import { readdirSync, readFileSync } from 'node:fs';
import { expect } from 'chai';
import { dashboardFiles } from '../../../grafana/dashboards.js';
import { CLASSES, HARMS, type State } from '../../../grafana/queries.js';
import { dashboardQueries, MAY_BE_EMPTY } from '../../loop/dashboards.js';
import { fromRoot } from '../../../sandbox/paths.js';
import { testRules } from '../../promtool.js';

describe('the Grafana dashboards', () => {
  it('are the only files in their folder', () => {
    expect(readdirSync(fromRoot('grafana/dashboards'))).to.have.members([...dashboardFiles().keys()]);
  });

  for (const [name, content] of dashboardFiles()) {
    it(`${name} is what the code builds (npm run dashboards)`, () => {
      expect(readFileSync(fromRoot(`grafana/dashboards/${name}`), 'utf8')).to.equal(content);
    });
  }

  it('have the queries that may be empty on a healthy demo', () => {
    const queries = [...dashboardFiles().values()].flatMap((content) => dashboardQueries(content, {}, '1m'));
    for (const [query, reason] of MAY_BE_EMPTY) {
      expect(
        queries.some(({ expr }) => query.test(expr)),
        reason,
      ).to.equal(true);
    }
  });

  it('name all peers that workloads wait on, even while two scalers disagree', async () => {
    const content = dashboardFiles().get('kernscale-dependencies.json')!;
    const variables = { namespace: 'shop', workload: '.+' };
    const { expr } = dashboardQueries(content, variables, '1m').find(
      ({ title }) => title === 'Waiting for peers',
    )!;
    const wait = (peer: string) =>
      `kernscale_tcp_wait_seconds_sum{namespace="shop",workload="web",pod="a",peer="${peer}"}`;
    const endpoint = (address: string, workload: string, instance: string) =>
      `kernscale_endpoint_info{address="${address}",namespace="shop",workload="${workload}",instance="${instance}"}`;
    const sample = (peer: string, name: string, value: number) => ({
      labels: `{namespace="shop", workload="web", peer="${peer}", ${name}}`,
      value,
    });
    const test = {
      interval: '30s',
      input_series: [
        { series: wait('10.0.0.1:80'), values: '0+30x10' },
        { series: wait('192.0.2.1:443'), values: '0+15x10' },
        { series: endpoint('10.0.0.1:80', 'db', 'scaler-1'), values: '1x10' },
        { series: endpoint('10.0.0.1:80', 'db-new', 'scaler-2'), values: '_x8 1 _x2' },
      ],
      promql_expr_test: [
        {
          expr,
          eval_time: '2m',
          exp_samples: [
            sample('10.0.0.1:80', 'peer_namespace="shop", peer_workload="db"', 1),
            sample('192.0.2.1:443', 'peer_namespace="outside", peer_workload="192.0.2.1:443"', 0.5),
          ],
        },
        { expr: `count(${expr})`, eval_time: '270s', exp_samples: [{ labels: '{}', value: 2 }] },
      ],
    };
    await testRules({ evaluation_interval: '30s', tests: [test] });
  });

  it('draw one edge from a workload to another, whatever addresses that has', async () => {
    const peers = ['10.0.0.1:80', '10.0.0.2:80', '192.0.2.1:443'];
    const count = (peer: string) =>
      `kernscale_tcp_wait_seconds_count{namespace="shop",workload="web",pod="a",peer="${peer}"}`;
    const edge = (namespace: string, workload: string, value: number) => ({
      labels:
        `{namespace="shop", workload="web", peer_namespace="${namespace}", peer_workload="${workload}", ` +
        `source="shop/web", target="${namespace}/${workload}", id="shop/web to ${namespace}/${workload}"}`,
      value,
    });
    await evaluate('kernscale-dependencies.json', 'Call graph', {
      series: [
        ...peers.map((peer) => ({ series: count(peer), values: '0+30x10' })),
        ...peers.slice(0, 2).map((address) => ({
          series: `kernscale_endpoint_info{address="${address}",namespace="data",workload="db"}`,
          values: '1x10',
        })),
      ],
      samples: [edge('data', 'db', 2), edge('outside', '192.0.2.1:443', 1)],
    });
  });

  it('show class and harm by the numbers that texts and colours are given for', async () => {
    const rule = (metric: string, workload: string, label = '') => ({
      series: `kernscale_rule_${metric}{namespace="shop", workload="${workload}"${label}}`,
      values: '1x10',
    });
    const states = (text: string, of: readonly State[]) => of.findIndex((state) => state.text === text);
    const sample = (workload: string, value: number) => ({
      labels: `{namespace="shop", workload="${workload}"}`,
      value,
    });
    await evaluate('kernscale-fleet.json', 'Class', {
      series: [rule('class', 'a', ', class="disk"'), rule('class', 'b', ', class="none"')],
      samples: [sample('a', states('disk', CLASSES)), sample('b', states('none', CLASSES))],
    });
    await evaluate('kernscale-fleet.json', 'Harm', {
      series: [
        { ...rule('harmed', 'well'), values: '0x10' },
        ...['unexplained', 'slow', 'waiter'].map((workload) => rule('harmed', workload)),
        rule('harm_cause', 'slow', ', cause="queue"'),
        rule('harm_cause', 'waiter', ', cause="shop/Deployment/db"'),
      ],
      samples: [
        sample('well', states('well', HARMS)),
        sample('unexplained', states('harmed', HARMS)),
        sample('slow', states('by the queue for threads', HARMS)),
        sample('waiter', states('by a peer', HARMS)),
      ],
    });
  });
});

/** Holds the first query of a panel against the samples that Prometheus' own engine returns for these series. */
async function evaluate(
  file: string,
  panel: string,
  { series, samples }: { series: readonly object[]; samples: readonly object[] },
): Promise<void> {
  const variables = { namespace: 'shop', workload: '.+' };
  const { expr } = dashboardQueries(dashboardFiles().get(file)!, variables, '1m').find(
    ({ title }) => title === panel,
  )!;
  const promql_expr_test = [{ expr, eval_time: '2m', exp_samples: samples }];
  await testRules({ tests: [{ interval: '30s', input_series: series, promql_expr_test }] });
}
