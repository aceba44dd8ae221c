import { readFileSync } from 'node:fs';
import { parser } from '@prometheus-io/lezer-promql';
import { expect } from 'chai';
import { dashboardFiles } from '../../grafana/dashboards.js';
import { dashboardQueries } from '../loop/dashboards.js';
import { fromRoot } from '../loop/paths.js';

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
});
