import { expect } from 'chai';

import { eventually } from '../eventually.js';
import type { DecisionRecord } from '../../scaler/loop/record.js';
import type { RunningScaler } from './running-scaler.js';
import { rule, ScalerHarness, shop } from './scaler-harness.js';

/** Built-in expressions over a short window, and a custom one that still returns values when scrapes end. */
const RULES = {
  groups: [
    {
      name: 'shop',
      interval: '1s',
      window: '4s',
      signals: { cpu: { maxAge: '3s' } },
      rules: [rule('busy'), rule('calm'), rule('unseen'), rule('careful', { dryRun: true })],
    },
    {
      name: 'long',
      interval: '1s',
      window: '10s',
      signals: {
        cpu: {
          expr: 'sum by (namespace, workload, workload_kind) (rate(kernscale_state_seconds_total{state="oncpu"}[10s]))',
          maxAge: '3s',
        },
      },
      rules: [rule('slow', { target: { averageValue: 1 } })],
    },
  ],
};

describe('scaler with a real Prometheus', function () {
  this.timeout(90_000);
  const harness = new ScalerHarness();
  let scaler: RunningScaler;

  before(async () => {
    const { workloads } = harness.metrics;
    workloads.set('busy', { pods: 2, request: 0.2, states: { oncpu: 0.65, idle: 4 } });
    workloads.set('careful', { pods: 2, request: 0.2, states: { oncpu: 0.65, idle: 4 } });
    workloads.set('calm', { pods: 4, request: 0.2, states: { oncpu: 0.01, idle: 8 } });
    workloads.set('slow', { pods: 3, request: 0.2, states: { oncpu: 2.9, idle: 8 } });
    await harness.start(shop({ busy: 2, calm: 4, unseen: 3, careful: 2, slow: 3 }));
    scaler = await harness.startScaler('scaler', RULES, '--restore.range=0s');
  });

  after(() => harness.stop());

  it('scales a workload up to its demand in one step', async () => {
    const record = await scaler.untilDecision('busy', ({ outcome }) => outcome === 'applied');
    // 0.65 cores over 70 % of 0.2 cores is 4.6 pods, far enough from a whole number for a busy machine.
    expect(record).to.include({ class: 'cpu', action: 'scale', currentReplicas: 2, replicas: 5 });
    expect(await harness.replicas('busy')).to.equal(5);
  });

  it('scales an idle workload down', async () => {
    const record = await scaler.untilDecision('calm', ({ outcome }) => outcome === 'applied');
    expect(record.replicas).to.equal(1);
    expect(await harness.replicas('calm')).to.equal(1);
  });

  it('holds a workload without data, and reports it', async () => {
    const record = await scaler.untilDecision('unseen', () => true);
    expect(record).to.include({ class: 'unknown', replicas: 3, outcome: 'unchanged' });
    expect(record.trace.inputs.find(({ signal }) => signal === 'cpu')).to.include({ absent: 'missing' });
    expect(await harness.replicas('unseen')).to.equal(3);
  });

  it('decides in a dry run without changing replicas', async () => {
    const record = await scaler.untilDecision('careful', ({ outcome }) => outcome === 'dry_run');
    expect(record).to.include({ replicas: 5, applied: false });
    expect(await harness.replicas('careful')).to.equal(2);
  });

  it('writes an event with the reason', async () => {
    const response = await harness.kubernetes('/api/v1/namespaces/shop/events');
    const { items } = JSON.parse(response) as {
      items: { reason: string; message: string; source?: object }[];
    };
    const event = items.find(({ reason }) => reason === 'ScaledUp');
    expect(event?.message).to.match(/^2 → 5 replicas: /);
  });

  it('writes all decisions to the audit log, applied or not', () => {
    const records = scaler.records();
    for (const outcome of ['applied', 'unchanged', 'dry_run']) {
      expect(records.map((record) => record.outcome)).to.include(outcome);
    }
    const applied = records.find(({ workload, outcome }) => workload === 'busy' && outcome === 'applied');
    expect(applied?.trace.stages).to.include({ raw: 5, clamped: 5 });
  });

  it('serves its metrics', async () => {
    const text = await (await fetch(`${scaler.url}/metrics`)).text();
    const labels = 'group="shop",scale="busy",namespace="shop",workload="busy",workload_kind="StatefulSet"';
    expect(text).to.include(`kernscale_rule_desired_replicas{${labels}} 5`);
    expect(text).to.match(/kernscale_scale_total\{direction="up",outcome="applied"\} 1/);
    expect(text).to.match(/kernscale_promql_queries_total\{outcome="success"\} \d+/);
    expect(text).to.match(/kernscale_leader 1/);
  });

  it('sends the same number of queries for any number of workloads', async () => {
    const text = await (await fetch(`${scaler.url}/metrics`)).text();
    const of = (metric: RegExp): number => Number(metric.exec(text)?.[1]);
    const rounds = of(/kernscale_rule_group_duration_seconds_count\{group="shop"\} (\d+)/);
    const longRounds = of(/kernscale_rule_group_duration_seconds_count\{group="long"\} (\d+)/);
    const queries = of(/kernscale_promql_queries_total\{outcome="success"\} (\d+)/);
    // The CPU request and limit, two signals by pod, three for the window, and one for the age of all.
    // The shorter window is the same in groups of such short ones.
    const perRound = 2 + 2 + 3 + 1;
    const perLongRound = 2 + 3 + 1;
    const counted = perRound * rounds + perLongRound * longRounds;
    expect(queries).to.be.within(counted, counted + perRound + perLongRound);
  });

  it('holds once scrapes end, although rate() still returns values', async () => {
    const cpu = ({ trace }: DecisionRecord) => trace.inputs.find(({ signal }) => signal === 'cpu');
    await scaler.untilDecision('slow', (record) => cpu(record)?.value !== undefined);
    harness.metrics.failing = true;
    const record = await scaler.untilDecision('slow', (seen) => cpu(seen)?.absent === 'stale');
    harness.metrics.failing = false;
    expect(record).to.include({ class: 'unknown', replicas: 3 });
    expect(cpu(record)?.text).to.equal('scrapes have stopped');
    expect(await harness.replicas('slow')).to.equal(3);
    await scaler.untilDecision('slow', (seen) => cpu(seen)?.value !== undefined);
  });

  it('scales nothing while Prometheus is down, and reports why', async () => {
    harness.metrics.workloads.set('busy', { pods: 5, request: 0.2, states: { idle: 4 } });
    process.kill(harness.prometheus.pid, 'SIGKILL');
    await harness.prometheus.exited;
    const record = await scaler.untilDecision('busy', ({ trace }) => trace.inputs[0]?.absent === 'error');
    expect(record).to.include({ class: 'unknown', replicas: 5, outcome: 'unchanged' });
    expect(record.reason).to.match(
      /^Prometheus at 127\.0\.0\.1:\d+ is unreachable .*nothing is scaled on missing data$/,
    );
    await eventually('the problem is reported', async () => {
      const response = await fetch(`${scaler.url}/api/v1/decisions`);
      const { status } = (await response.json()) as { status: { problems: string[] } };
      return /Prometheus at 127\.0\.0\.1:\d+ is unreachable/.test(status.problems.join());
    });
    await new Promise((resolve) => setTimeout(resolve, 3000));
    expect(await harness.replicas('busy')).to.equal(5);
  });

  it('resumes once Prometheus is back, and scales down on new measurements', async () => {
    await harness.restartPrometheus();
    await scaler.untilDecision('busy', ({ outcome }) => outcome === 'applied', 40_000);
    expect(await harness.replicas('busy')).to.equal(1);
  });
});
