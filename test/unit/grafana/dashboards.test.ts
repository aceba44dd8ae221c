import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parser } from '@prometheus-io/lezer-promql';
import { expect } from 'chai';
import { stringify } from 'yaml';
import { dashboardFiles } from '../../../grafana/workloads.js';
import { dashboardQueries } from '../../loop/dashboards.js';
import { fromRoot, PROMTOOL } from '../../../sandbox/paths.js';

describe('the Grafana dashboards', () => {
  for (const [name, content] of dashboardFiles()) {
    it(`${name} is what the code builds (npm run dashboards)`, () => {
      expect(readFileSync(fromRoot(`grafana/dashboards/${name}`), 'utf8')).to.equal(content);
    });

    it(`${name} has queries that parse`, () => {
      const queries = dashboardQueries(content, { namespace: 'shop', workload: '.*' }, '1m');
      expect(queries).not.to.be.empty;
      for (const { title, expr } of queries) {
        let broken = false;
        parser.parse(expr).iterate({ enter: (node) => void (broken ||= node.type.isError) });
        expect(broken, `${title}: ${expr}`).to.equal(false);
      }
    });
  }

  it('name all peers that workloads wait on, even while two scalers disagree', () => {
    const content = dashboardFiles().get('kernscale-workloads.json')!;
    const variables = { namespace: 'shop', workload: '.*' };
    const { expr } = dashboardQueries(content, variables, '1m').find(
      ({ title }) => title === 'Waiting for peers',
    )!;
    const wait = (peer: string) =>
      `kernscale_tcp_wait_seconds_sum{namespace="shop",workload="web",pod="a",peer="${peer}"}`;
    const endpoint = (address: string, workload: string, instance: string) =>
      `kernscale_endpoint_info{address="${address}",namespace="shop",workload="${workload}",instance="${instance}"}`;
    const sample = (peer: string, name: string, value: number) => ({
      labels: `{workload="web", peer="${peer}", peer_workload="${name}"}`,
      value,
    });
    promtoolTest({
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
          exp_samples: [sample('10.0.0.1:80', 'db', 1), sample('192.0.2.1:443', '?', 0.5)],
        },
        { expr: `count(${expr})`, eval_time: '270s', exp_samples: [{ labels: '{}', value: 2 }] },
      ],
    });
  });
});

/** Evaluates expressions in Prometheus' own engine. @throws the failures that promtool reports */
function promtoolTest(test: object): void {
  const directory = mkdtempSync(path.join(tmpdir(), 'kernscale-'));
  try {
    const file = path.join(directory, 'test.yaml');
    writeFileSync(
      file,
      stringify({ rule_files: [], evaluation_interval: '30s', tests: [{ interval: '30s', ...test }] }),
    );
    execFileSync(PROMTOOL, ['test', 'rules', file], { encoding: 'utf8' });
  } finally {
    rmSync(directory, { recursive: true });
  }
}
