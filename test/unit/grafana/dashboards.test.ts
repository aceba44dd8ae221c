import { readdirSync, readFileSync } from 'node:fs';
import { expect } from 'chai';
import { dashboardFiles } from '../../../grafana/dashboards.js';
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
            sample('192.0.2.1:443', 'peer_workload="192.0.2.1:443"', 0.5),
          ],
        },
        { expr: `count(${expr})`, eval_time: '270s', exp_samples: [{ labels: '{}', value: 2 }] },
      ],
    };
    await testRules({ evaluation_interval: '30s', tests: [test] });
  });
});
