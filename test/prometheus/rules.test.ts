import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { parse } from 'yaml';
import { builtInSignals, podSignals } from '../../scaler/promql/signals.js';
import { windowExpressions } from '../../scaler/promql/windows.js';
import { fromRoot, PROMTOOL } from '../../sandbox/paths.js';
import { run, testRules } from '../promtool.js';
import { validate, type Manifest } from '../unit/manifests/manifests.js';

const WEB = 'namespace="shop", workload="web", workload_kind="Deployment"';

interface Expected {
  readonly signal: string;
  readonly at: string;
  readonly samples: readonly { labels: string; value: number }[];
}

function state(pod: string, name: string, values: string): object {
  return { series: `kernscale_state_seconds_total{${WEB}, pod="${pod}", state="${name}"}`, values };
}

/** Evaluates the built-in signals over series in Prometheus' own engine. */
async function evaluate(
  input_series: readonly object[],
  expected: readonly Expected[],
  signals: Readonly<Record<string, string>> = builtInSignals('1m', [0.5]),
): Promise<string> {
  const promql_expr_test = expected.map(({ signal, at, samples }) => ({
    expr: signals[signal],
    eval_time: at,
    exp_samples: samples,
  }));
  return testRules({
    evaluation_interval: '15s',
    tests: [{ interval: '15s', input_series, promql_expr_test }],
  });
}

const web = (value: number) => [{ labels: `{${WEB}}`, value }];

interface Alert {
  /** Undefined for a recording rule. */
  readonly alert?: string;
  readonly labels: { readonly severity: string };
  readonly annotations: { readonly runbook_url: string };
}

const read = (file: string) => readFileSync(fromRoot(file), 'utf8');

describe('rules for Prometheus', () => {
  it('are accepted by promtool', async () => {
    const { stdout } = await run(PROMTOOL, ['check', 'rules', 'rules/prometheus/kernscale.rules.yaml']);
    expect(stdout).to.contain('SUCCESS');
  });

  it('pass their unit tests', async () => {
    expect(await testRules('test/prometheus/kernscale.promtool.yaml')).to.contain('SUCCESS');
  });

  it('have a summary, a description, a severity, a unit test and a runbook for each alert, and no other', () => {
    const { groups } = parse(read('rules/prometheus/kernscale.rules.yaml')) as {
      groups: { rules: Alert[] }[];
    };
    const alerts = groups.flatMap(({ rules }) => rules).filter(({ alert }) => alert !== undefined);
    const tested = new Set(
      [...read('test/prometheus/kernscale.promtool.yaml').matchAll(/alertname: (\w+)/g)].map(
        ([, name]) => name,
      ),
    );
    for (const { alert, labels, annotations } of alerts) {
      expect(labels.severity, alert).to.match(/^(warning|critical)$/);
      expect(annotations, alert).to.have.all.keys('summary', 'description', 'runbook_url');
      expect(annotations.runbook_url).to.equal(`docs/runbooks.md#${alert!.toLowerCase()}`);
    }
    const names = alerts.map(({ alert }) => alert);
    expect([...tested]).to.have.members(names);
    const sections = read('docs/runbooks.md').split(/^## /m).slice(1);
    expect(sections.map((section) => section.split('\n')[0])).to.deep.equal(names);
    for (const section of sections) {
      expect(
        [...section.matchAll(/^\*\*(\w+)\.\*\*/gm)].map(([, part]) => part),
        section,
      ).to.deep.equal([...['Meaning', 'Impact', 'Diagnosis', 'Cure']]);
    }
  });

  it('are a PrometheusRule by the command of grafana/README.md', async () => {
    const command = /^\{\n.*?\n\}(?= \| kubectl)/ms.exec(read('grafana/README.md'))![0];
    const { stdout } = await run('bash', ['-c', command], { cwd: fromRoot('.') });
    await validate(parse(stdout) as Manifest);
  });
});

describe('the built-in signals, in Prometheus', () => {
  it('are measured zeros for an idle workload', async () => {
    const series = [
      state('a', 'oncpu', '0x40'),
      state('a', 'disk', '0x40'),
      state('a', 'network', '0x40'),
      state('a', 'lock', '0x40'),
      state('a', 'idle', '0+150x40'),
    ];
    const signals = ['cpu', 'blockio', 'wait', 'lock'];
    await evaluate(
      series,
      signals.map((signal) => ({ signal, at: '5m', samples: web(0) })),
    );
  });

  it('count CPU used, not waited for, across a restart of the container', async () => {
    const series = [
      state('a', 'oncpu', '0+3.75x10 0+3.75x30'),
      state('a', 'runqueue', '0+3.75x40'),
      state('b', 'oncpu', '0x40'),
      state('b', 'throttled', '0+3.75x40'),
      state('b', 'network', '0+3.75x40'),
    ];
    await evaluate(series, [
      { signal: 'cpu', at: '10m', samples: web(0.25) },
      { signal: 'wait', at: '10m', samples: web(0.25) },
    ]);
  });

  it('return the CPU that each pod uses, and the share of time in which it gets too little', async () => {
    const series = [
      state('a', 'oncpu', '0+3.75x40'),
      state('a', 'throttled', '0+11.25x40'),
      state('b', 'oncpu', '0+3.75x40'),
      state('b', 'runqueue', '0+3.75x40'),
      { series: `kernscale_cpu_starved_seconds_total{${WEB}, pod="b"}`, values: '0+1.875x40' },
    ];
    const byPod = (a: number, b: number) => [
      { labels: `{${WEB}, pod="a"}`, value: a },
      { labels: `{${WEB}, pod="b"}`, value: b },
    ];
    const expected = [
      { signal: 'cpu', at: '10m', samples: byPod(0.25, 0.25) },
      { signal: 'starved', at: '10m', samples: byPod(0.75, 0.125) },
    ];
    await evaluate(series, expected, { ...podSignals('1m') });
  });

  it('return a latency quantile over all pods', async () => {
    const served = (pod: string, le: string, values: string) => ({
      series: `kernscale_tcp_serve_seconds_bucket{${WEB}, pod="${pod}", le="${le}"}`,
      values,
    });
    // Half of the requests to both pods take up to 2 ms, half up to 8 ms.
    const series = ['a', 'b'].flatMap((pod) => [
      served(pod, '0.001953125', `0+${pod === 'a' ? 30 : 0}x40`),
      served(pod, '0.0078125', '0+30x40'),
      served(pod, '+Inf', '0+30x40'),
      state(pod, 'oncpu', '0x40'),
    ]);
    await evaluate(series, [{ signal: 'latency_p50', at: '10m', samples: web(0.001953125) }]);
  });

  it('drop a container at the first scrape without it', async () => {
    const arrived = (pod: string, values: string) => ({
      series: `kernscale_tcp_requests_total{${WEB}, pod="${pod}"}`,
      values,
    });
    const series = [
      ...[state('a', 'oncpu', '0+3.75x40'), state('b', 'oncpu', '0+3.75x19 stale')],
      ...[arrived('a', '0+15x40'), arrived('b', '0+15x19 stale')],
    ];
    const expected = [
      { signal: 'cpu', at: '4m45s', samples: web(0.5) },
      { signal: 'cpu', at: '5m', samples: web(0.25) },
    ];
    await evaluate(series, expected);
    const requests = (at: string, value: number) => ({
      ...{ signal: 'requests', at },
      samples: [{ labels: `{${WEB}, measure="arrived"}`, value }],
    });
    await evaluate(series, [requests('4m45s', 2), requests('5m', 1)], windowExpressions('1m'));
  });

  it('count a pod as measured only once it is as old as the window', async () => {
    const series = [state('a', 'oncpu', '0+3.75x40'), state('b', 'oncpu', '_x20 0+3x20')];
    await evaluate(series, [
      { signal: 'pods', at: '5m45s', samples: web(1) },
      { signal: 'pods', at: '6m', samples: web(2) },
    ]);
  });

  it('sum the CPU request over containers and average it over pods', async () => {
    const request = (pod: string, container: string, value: string) => ({
      series: `kernscale_container_cpu_request_cores{${WEB}, pod="${pod}", container="${container}"}`,
      values: value,
    });
    const series = [
      request('a', 'app', '0.1x40'),
      request('a', 'proxy', '0.05x40'),
      request('b', 'app', '0.25x40'),
    ];
    await evaluate(series, [{ signal: 'request', at: '5m', samples: web(0.2) }]);
  });

  it('average the CPU limit over pods, without those that have a container without a limit', async () => {
    const pod = (name: string, limits: Readonly<Record<string, string | undefined>>) =>
      Object.entries(limits).flatMap(([container, limit]) => {
        const labels = `${WEB}, pod="${name}", container="${container}"`;
        const alive = `kernscale_state_seconds_total{${labels}, state="oncpu"}`;
        const limited = { series: `kernscale_container_cpu_limit_cores{${labels}}`, values: `${limit}x40` };
        return [{ series: alive, values: '0x40' }, ...(limit === undefined ? [] : [limited])];
      });
    // The rest of a pod, under an empty container label, has no limit of its own.
    const series = [
      ...pod('a', { app: '1', proxy: '0.5', '': undefined }),
      ...pod('b', { app: '2', '': undefined }),
      ...pod('c', { app: undefined, proxy: '0.1' }),
    ];
    await evaluate(series, [{ signal: 'limit', at: '5m', samples: web(1.75) }]);
  });

  it('sum the wait on each peer', async () => {
    const edge = (pod: string, peer: string, values: string) => ({
      series: `kernscale_tcp_wait_seconds_sum{${WEB}, pod="${pod}", peer="${peer}"}`,
      values,
    });
    const series = [
      edge('a', '10.0.0.1:80', '0+3.75x40'),
      edge('b', '10.0.0.1:80', '0+3.75x40'),
      edge('b', '10.0.0.2:80', '0+1.875x40'),
      ...['a', 'b'].map((pod) => state(pod, 'oncpu', '0x40')),
    ];
    await evaluate(series, [
      {
        signal: 'edges',
        at: '5m',
        samples: [
          { labels: `{${WEB}, peer="10.0.0.1:80"}`, value: 0.5 },
          { labels: `{${WEB}, peer="10.0.0.2:80"}`, value: 0.125 },
        ],
      },
    ]);
  });
});
