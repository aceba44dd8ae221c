import { expect } from 'chai';
import { dashboardFiles } from '../../../grafana/dashboards.js';
import { EXPORTED } from '../../../scaler/promql/known-metrics.js';
import { EXCLUSIONS, metricOf, nodes, NOT_PORTED, panels, parse, parses, RULES } from './linter.js';
import type { DashboardJson } from './linter.js';

const DASHBOARDS = [...dashboardFiles().values()].map((content) => JSON.parse(content) as DashboardJson);
/** Series of processes, which have no namespace. */
const OF_PROCESSES = /^(kernscale_(exporter|probe|build|promql|rule_group|scale)_|scrape_|process_|nodejs_)/;

function queriesOf(dashboard: DashboardJson): { title: string; expr: string }[] {
  return [
    ...panels(dashboard).flatMap(({ title, targets = [] }) => targets.map(({ expr }) => ({ title, expr }))),
    ...dashboard.annotations.list.map(({ name, expr }) => ({ title: name, expr })),
  ];
}

describe('the rules of dashboard-linter', () => {
  for (const [name, rule] of Object.entries(RULES)) {
    it(name, () => {
      const { dashboards = [], reason } = EXCLUSIONS[name] ?? {};
      for (const dashboard of DASHBOARDS) {
        if (dashboards.includes(dashboard.uid)) {
          expect(rule(dashboard), `${dashboard.uid} is excluded in vain`).not.to.be.empty;
          expect(reason).not.to.equal('');
        } else {
          expect(rule(dashboard), dashboard.uid).to.deep.equal([]);
        }
      }
    });
  }

  it('each finds a fault', () => {
    const [dashboard] = DASHBOARDS;
    const gridPos = { x: 0, y: 0, w: 1, h: 1 };
    const panel = {
      type: 'timeseries',
      title: '',
      gridPos,
      datasource: { type: 'prometheus', uid: 'P1809' },
    };
    const faulty: DashboardJson = {
      uid: 'faulty',
      editable: true,
      annotations: dashboard!.annotations,
      panels: ['sum(rate(a[1m])', 'rate(a_total[1m])', 'a_total'].map((expr) => ({
        ...panel,
        targets: [{ expr }],
      })),
      templating: {
        list: ['job', 'x'].map((name) => ({
          type: 'query',
          name,
          label: 'Job',
          query: 'up',
          multi: false,
          datasource: panel.datasource,
        })),
      },
    };
    const empty = { ...faulty, panels: [{ type: 'timeseries', title: '', gridPos }] };
    for (const [name, rule] of Object.entries(RULES)) {
      expect([...rule(faulty), ...rule(empty)], name).not.to.be.empty;
    }
    for (const reason of Object.values(NOT_PORTED)) expect(reason).not.to.equal('');
  });
});

describe('every dashboard', () => {
  for (const dashboard of DASHBOARDS) {
    it(`${dashboard.uid} queries metrics that exist, also for its annotations`, () => {
      for (const { title, expr } of queriesOf(dashboard)) {
        expect(parses(expr), `${title}: ${expr}`).to.equal(true);
        const { text, root } = parse(expr);
        const names = nodes(root, 'VectorSelector').map((selector) => metricOf(text, selector));
        expect(names, title).not.to.be.empty;
        for (const name of names.filter((one) => one.startsWith('kernscale_'))) {
          expect(EXPORTED, title).to.include(name);
        }
      }
    });

    it(`${dashboard.uid} sums up no namespaces without their label`, () => {
      for (const { title, expr } of queriesOf(dashboard)) {
        const { text, root } = parse(expr);
        for (const sum of nodes(root, 'AggregateExpr')) {
          const source = text.slice(sum.from, sum.to);
          if (/^topk/.test(source)) continue; // keeps the labels
          const names = nodes(sum, 'VectorSelector').map((selector) => metricOf(text, selector));
          const keeps = /^\w+ by \([^)]*\bnamespace\b/.test(source);
          expect(keeps || names.every((name) => OF_PROCESSES.test(name)), `${title}: ${source}`).to.equal(
            true,
          );
        }
      }
    });

    it(`${dashboard.uid} has panels with titles of their own and descriptions in sentences`, () => {
      const titles = panels(dashboard).map(({ title }) => title);
      expect(new Set(titles).size).to.equal(titles.length);
      for (const { title, description } of panels(dashboard)) {
        expect(description, title).to.match(/^[A-Z1].{15,}\.$/);
      }
    });
  }

  it('has heatmaps of one histogram each: Grafana takes the buckets of two series for those of one', () => {
    const heatmaps = DASHBOARDS.flatMap(panels).filter(({ type }) => type === 'heatmap');
    expect(heatmaps).not.to.be.empty;
    for (const { title, targets = [], repeat } of heatmaps) {
      for (const { expr } of targets) {
        const labels = /^sum by \(([^)]*)\)/
          .exec(expr)![1]!
          .split(', ')
          .filter((label) => label !== '' && label !== 'le');
        const several = labels.filter((label) => label !== repeat && !expr.includes(`${label}="$${label}"`));
        expect(several, title).to.deep.equal([]);
      }
    }
  });

  it('has panels side by side, none over another, with a refId for each query', () => {
    for (const dashboard of DASHBOARDS) {
      const taken = new Map<string, string>();
      for (const { title, gridPos, targets = [] } of dashboard.panels) {
        const { x, y, w, h } = gridPos;
        expect(x + w, title).to.be.at.most(24);
        for (let column = x; column < x + w; column++) {
          for (let line = y; line < y + h; line++) {
            expect(taken.get(`${column},${line}`), title).to.equal(undefined);
            taken.set(`${column},${line}`, title);
          }
        }
        expect(new Set(targets.map(({ refId }) => refId || undefined)).size, title).to.equal(targets.length);
      }
    }
  });

  it('has a uid that links and bookmarks can name', () => {
    expect(DASHBOARDS.map(({ uid }) => uid)).to.deep.equal([
      'kernscale-fleet',
      'kernscale-workload',
      'kernscale-scaler',
      'kernscale-exporter',
      'kernscale-dependencies',
    ]);
  });

  it('that a table links to exists, with the variables of the link', () => {
    const links = [...dashboardFiles().values()].flatMap((content) => [
      ...content.matchAll(/"url": "\/d\/([\w-]+)\?([^"]*)"/g),
    ]);
    expect(links).not.to.be.empty;
    for (const [, uid, query] of links) {
      const target = DASHBOARDS.find((dashboard) => dashboard.uid === uid)!;
      const variables = [...query!.matchAll(/var-(\w+)=/g)].map(([, name]) => name);
      expect(target.templating.list.map(({ name }) => name)).to.include.members(variables);
    }
  });
});
