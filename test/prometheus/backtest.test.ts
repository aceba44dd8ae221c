import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect } from 'chai';
import type { Summary } from '../../scaler/backtest/timeline.js';
import { applyAndRecord } from '../../scaler/loop/apply.js';
import type { Query } from '../../scaler/loop/signals.js';
import { assign } from '../../scaler/loop/assignments.js';
import { Histories } from '../../scaler/loop/histories.js';
import { DecisionRecords } from '../../scaler/loop/record.js';
import { runRound } from '../../scaler/loop/round.js';
import { PrometheusClient } from '../../scaler/promql/client.js';
import { TestCluster } from '../../scaler/rule-tests/cluster.js';
import { loadRuleFiles } from '../../scaler/rules/load.js';
import { kernscale, type Ended } from '../unit/scaler/kernscale-command.js';
import { PastPrometheus, type PastSeries } from './prometheus.js';

/** Start of a block of Prometheus, so that one block is enough. */
const START = 1_700_006_400;
const HOUR = 3600;
const STATES = ['oncpu', 'runqueue', 'throttled', 'disk', 'network', 'lock', 'sleep', 'idle'];
const PODS = 2;
/** Share of the time for which each pod is starved. */
const STARVED = 0.05;
/** Period without scrapes. */
const OUTAGE = { from: START + 4500, to: START + 5400 };

interface Backtest {
  readonly workloads: readonly {
    readonly workload: string;
    readonly proposed: readonly (number | null)[];
    readonly actual: readonly (number | null)[];
    readonly class: readonly (string | null)[];
    readonly gap: readonly number[];
    readonly changes: readonly { readonly at: number; readonly to: number; readonly reason: string }[];
    readonly summary: Summary;
  }[];
}

/** Counter of thread-seconds whose rate steps up after 15 minutes and back down after 45. */
function stepped(low: number, high: number): (at: number) => number {
  return (at) => {
    const seconds = at - START;
    const raised = Math.min(Math.max(seconds - 900, 0), 1800);
    return low * seconds + (high - low) * raised;
  };
}

/** A workload of two pods that request half a core each. */
function workload(name: string, rates: Readonly<Record<string, (at: number) => number>>): PastSeries[] {
  const scraped = (value: (at: number) => number) => (at: number) =>
    at >= OUTAGE.from && at < OUTAGE.to ? undefined : value(at);
  return Array.from({ length: PODS }, (_, index) => `${name}-${index}`).flatMap((pod) => {
    const labels = { namespace: 'shop', workload: name, workload_kind: 'Deployment', pod, container: 'main' };
    const states = STATES.map((state) => ({
      metric: 'kernscale_state_seconds_total',
      labels: { ...labels, state },
      value: scraped((at) => (rates[state]?.(at) ?? 0) / PODS),
    }));
    const gauge = (metric: string, value: number): PastSeries => ({
      metric,
      labels,
      value: scraped(() => value),
    });
    return [
      ...states,
      gauge('kernscale_container_info', 1),
      gauge('kernscale_container_cpu_request_cores', 0.5),
      {
        metric: 'kernscale_cpu_starved_seconds_total',
        labels: { ...labels, container: '' },
        value: scraped((at) => STARVED * (at - START)),
      },
    ];
  });
}

function rule(name: string): string {
  return `      - { scale: ${name}, scaleTargetRef: { kind: Deployment, namespace: shop, name: ${name} }, maxReplicas: 10 }\n`;
}

describe('kernscale backtest', function () {
  this.timeout(180_000);
  const prometheus = new PastPrometheus();
  let folder: string;
  before(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'kernscale-backtest-'));
    const series = [
      ...workload('web', { oncpu: stepped(0.7, 2.1), idle: (at) => at - START }),
      ...workload('disk', { oncpu: stepped(0.7, 2.1), disk: stepped(4, 12) }),
    ].sort((a, b) => a.metric.localeCompare(b.metric));
    await prometheus.start({ from: START, to: START + 2 * HOUR, scrapeInterval: 15, series });
    await writeFile(
      path.join(folder, 'rules.yaml'),
      `groups:\n  - name: shop\n    rules:\n${rule('web')}${rule('disk')}`,
    );
  });
  after(async () => {
    await prometheus.stop();
    await rm(folder, { recursive: true });
  });

  const run = (...flags: string[]): Promise<Ended> =>
    kernscale('backtest', path.join(folder, 'rules.yaml'), `--prometheus.url=${prometheus.url}`, ...flags);
  const range = [`--from=${START + 300}`, `--to=${START + 2 * HOUR - 60}`];

  it('scales up with the recorded load and, after the window, down, but never on missing data', async () => {
    const { status, stdout, stderr } = await run(...range, '--json');
    expect({ status, stderr }).to.deep.equal({ status: 0, stderr: '' });
    const { workloads } = JSON.parse(stdout) as Backtest;
    const [disk, web] = workloads;
    expect(web?.workload).to.equal('shop/Deployment/web');
    const at = (seconds: number): number => (seconds - 300) / 15;
    // 2.1 cores at 70 % of half a core make six pods.
    expect(web?.proposed[at(600)]).to.equal(2);
    expect(web?.proposed[at(1200)]).to.equal(6);
    expect(web?.proposed[at(2700 + 240)]).to.equal(6);
    expect(web?.proposed[at(4200)]).to.equal(2);
    expect(web?.actual[at(1200)]).to.equal(2);
    const held = web!.proposed.slice(at(4650), at(5400));
    expect(new Set(held)).to.deep.equal(new Set([2]));
    expect(new Set(web!.gap.slice(at(4650), at(5400)))).to.deep.equal(new Set([1]));
    expect(web?.summary.proposed).to.include({ reversals: 1, highest: 6 });
    expect(web?.summary.actual).to.include({
      ups: 0,
      downs: 0,
      replicaHours: web!.summary.comparedSeconds / 1800,
    });
    expect(web?.summary.disagreements).to.have.lengthOf(1);
    expect(web?.summary.disagreements[0]).to.include({ proposed: 6, actual: 2 });
    expect(web?.changes[0]?.reason).to.match(/^CPU demand .* replicas needed/);
    expect(disk?.class[at(1200)]).to.equal('disk');
    expect(new Set(disk?.proposed)).to.deep.equal(new Set([2]));
  });

  it('returns the same series for any chunk size', async () => {
    const whole = JSON.parse((await run(...range, '--json', '--workload', 'web')).stdout) as Backtest;
    const coarse = JSON.parse((await run(...range, '--json', '--step=60s')).stdout) as Backtest;
    expect(whole.workloads).to.have.lengthOf(1);
    // 457 rounds exceed the first chunk and two chunks of timestamps.
    expect(whole.workloads[0]?.proposed).to.have.lengthOf(457);
    expect(coarse.workloads[1]?.proposed).to.have.lengthOf(115);
    expect(coarse.workloads[1]?.summary.proposed.highest).to.equal(6);
  });

  it('prints a report and writes an HTML page', async () => {
    const page = path.join(folder, 'page.html');
    const { status, stdout } = await run(...range, '--workload=shop/web', '--html', page);
    expect(status).to.equal(0);
    expect(stdout).to.match(/^shop\/Deployment\/web: rule "web" of group "shop", 1 to 10 replicas$/m);
    expect(stdout).to.match(/^ {2}proposed {2}[\d.]+ replica-hours, at most 6; /m);
    expect(stdout).to.match(/^ {2}They differ \d+ % of the time, in 1 period:$/m);
    expect(stdout).to.match(/Nothing is scaled down on missing data$/m);
    expect(stdout).to.contain('Load is replayed as recorded');
    expect(stdout).not.to.contain('\x1b');
    const html = await readFile(page, 'utf8');
    expect(html).to.match(/<path class="proposed" d="M0 \d+/);
    expect(html).to.contain('<rect class="gap"');
    expect(stdout).to.match(/^ {2}costs [\d.]+ replica-hours more \(\+\d+ %\) than the actual replicas$/m);
    expect(html).to.match(/<tr><td>shop\/Deployment\/web<td>[\d.]+<td>[\d.]+<td>\+\d+ %<td>\d+ up, \d+ down/);
    expect(html).to.match(/<text [^>]*>\d\d:\d\d<\/text>/);
    expect(html).to.match(/<rect class="moment"[^>]*><title>[^<]+: 6 replicas proposed, 2 actual/);
    expect(html).to.match(/<li><time>[^<]+<\/time> \d → \d replicas: CPU demand [^<]+ replicas needed/);
    expect(html).not.to.match(/src=|href=|<script/);
  });

  it('is compared with what was done, with the reason of each difference', async () => {
    const flags = [path.join(folder, 'rules.yaml'), `--prometheus.url=${prometheus.url}`, ...range];
    const { status, stdout, stderr } = await kernscale('compare', ...flags);
    expect({ status, stderr }).to.deep.equal({ status: 0, stderr: '' });
    expect(stdout).to.match(/^shop\/Deployment\/web: rule "web" of group "shop"$/m);
    expect(stdout).to.match(/^ {2}replica-hours: actual 3\.\d+, proposed [5-9]\.?\d* \(\+\d+ %\)$/m);
    expect(stdout).to.match(/^ {4}\S+Z {2}[\d.]+ min: 2 actual, 6 proposed.*\n {6}CPU demand 2\.1 cores/m);
    expect(stdout).to.match(/^All: replica-hours: actual /m);
    expect(stdout.split('\n').filter((line) => line.length > 100)).to.deep.equal([]);
    const json = JSON.parse((await kernscale('compare', ...flags, '--json', '--workload=web')).stdout) as {
      workloads: {
        starvedPodSeconds: number;
        comparedSeconds: number;
        belowSeconds: number;
        aboveSeconds: number;
        periods: { from: number; to: number; reason: string }[];
      }[];
    };
    const [web] = json.workloads;
    const [period] = web!.periods;
    expect(web).to.include({ aboveSeconds: 0, belowSeconds: period!.to - period!.from });
    // An outage loses what is scraped in none of its windows.
    const outage = OUTAGE.to - OUTAGE.from;
    expect(web!.starvedPodSeconds).to.be.closeTo(
      PODS * STARVED * (2 * HOUR - 360 - outage / 2),
      PODS * STARVED * outage,
    );
  });

  it('accepts a query for the actual replicas, and reports missing data', async () => {
    const actual = 'kernscale_container_info * 0 + 3';
    const several = await run(
      ...range,
      '--json',
      '--workload=web',
      '--actual',
      `max by (namespace, workload, workload_kind) (${actual})`,
    );
    const [web] = (JSON.parse(several.stdout) as Backtest).workloads;
    expect(new Set(web?.actual)).to.include(3);
    const nothing = await run('--from=1600000000', '--to=1600000600');
    expect(nothing.status).to.equal(1);
    expect(nothing.stderr).to.match(/\[BACKTEST_EMPTY\]\nsee docs\/errors\.md#backtest_empty\n$/);
  });

  it('decides as the live loop does', async () => {
    const { workloads } = JSON.parse((await run(...range, '--json')).stdout) as Backtest;
    const { groups } = await loadRuleFiles([path.join(folder, 'rules.yaml')]);
    const group = groups[0]!;
    const { view: cluster, scales } = new TestCluster({
      workloads: {
        'shop/Deployment/web': { replicas: PODS },
        'shop/Deployment/disk': { replicas: PODS },
      },
    });
    const memory = { histories: new Histories(), records: new DecisionRecords() };
    const client = new PrometheusClient({ url: prometheus.url, timeout: 60 });
    // Up to the fall of the load: from there the past lacks the pods that were proposed, and the replay differs.
    for (let round = 0; round < (2700 - 300) / 15; round++) {
      const at = START + 300 + 15 * round;
      const query: Query = (expr, time) => client.query(expr, time);
      const sources = { query, cluster, scales, ...memory, clock: () => at, queryOffset: 0 };
      const { decisions } = await runRound(group, assign(groups, cluster.workloads()), sources);
      for (const decided of decisions) {
        const { assignment: made, decision } = decided;
        await applyAndRecord(decided, { scales, ...memory }, true);
        const replayed = workloads.find(({ workload: key }) => key === made.key)!;
        expect([decision.replicas, decision.class], `${made.key} at ${at - START} s`).to.deep.equal([
          replayed.proposed[round],
          replayed.class[round],
        ]);
      }
    }
    await client.close();
    expect(memory.records.changes()).not.to.be.empty;
  });

  it('explains a moment of the past from Prometheus alone, with the actual replicas', async () => {
    const explain = (target: string, ...flags: string[]): Promise<Ended> =>
      kernscale(
        'explain',
        target,
        path.join(folder, 'rules.yaml'),
        `--prometheus.url=${prometheus.url}`,
        ...flags,
      );
    const busy = await explain('shop/web', `--at=${START + 1200}`);
    expect(busy.stderr).to.equal('');
    expect(busy.stdout).to.match(
      /^shop\/Deployment\/web: rule "web" of group "shop", 1 to 10 replicas, at 2023-11-15T\S+Z\n/,
    );
    expect(busy.stdout).to.match(/^2 → 6 replicas: CPU demand 2\.1 cores; /m);
    const disk = await explain('disk', `--at=${START + 1200}`, '--json');
    const { trace, ...record } = JSON.parse(disk.stdout) as {
      trace: { at: number; steps: { heldSeconds?: number }[] };
    };
    expect(record).to.deep.include({ class: 'disk', currentReplicas: 2, replicas: 2 });
    expect(record).not.to.have.property('outcome');
    expect(trace.at).to.equal(START + 1200);
    expect(trace.steps[0]?.heldSeconds).to.be.at.least(300);
    const outage = await explain('web', `--at=${OUTAGE.from + 200}`);
    expect(outage.stdout).to.match(/^2 replicas: No data for /m);
    const unknown = await explain('wib', `--at=${START + 1200}`);
    expect(unknown.stderr).to.match(
      /no rule has decided on "wib"; did you mean "web"\? \[TARGET_UNKNOWN\]\nsee docs\/errors\.md#target_unknown\n$/,
    );
    const early = await explain('web', '--at=1600000000');
    expect(early.stderr).to.match(
      /^kernscale: Prometheus has no replica count of .*\[REPLICAS_UNKNOWN\]\nsee docs\/errors\.md#replicas_unknown\n$/,
    );
    const useless = await kernscale('explain', 'web', '--at=1h');
    expect(useless.status).to.equal(2);
  });

  it('exits with 1 on errors in files and queries, and with 2 on a wrong command line', async () => {
    const rules = path.join(folder, 'rules.yaml');
    const elsewhere = await kernscale('backtest', rules, '--prometheus.url=http://127.0.0.1:1');
    expect(elsewhere).to.include({ status: 1, stdout: '' });
    expect(elsewhere.stderr).to.match(
      /Prometheus cannot evaluate .* is unreachable \(ECONNREFUSED\) \[PROMETHEUS_ANSWER\]\nsee docs\/errors\.md#prometheus_answer\n$/,
    );
    for (const flags of [[], ['--step=0s'], ['--from=yesterday'], ['--from=1d', '--to=2d']]) {
      const { status, stderr } = await kernscale('backtest', 'rules.yaml', ...flags);
      expect(status).to.equal(2);
      expect(stderr).to.match(/\[BAD_FLAG\]\nsee docs\/errors\.md#bad_flag\n$/);
    }
    const page = path.join(folder, 'nowhere', 'page.html');
    // Reported before the first query, so an unreachable Prometheus does no harm.
    const unwritable = await kernscale(
      'backtest',
      rules,
      '--prometheus.url=http://127.0.0.1:1',
      '--html',
      page,
    );
    expect(unwritable.status).to.equal(1);
    expect(unwritable.stderr).to.match(
      /cannot write .*page\.html: ENOENT.* \[CANNOT_WRITE\]\nsee docs\/errors\.md#cannot_write\n$/,
    );
    const unwritten = path.join(folder, 'unwritten.html');
    await kernscale('backtest', rules, '--prometheus.url=http://127.0.0.1:1', '--html', unwritten);
    expect(existsSync(unwritten)).to.equal(false);
    const missing = await run('/nonexistent.yaml', ...range);
    expect(missing.status).to.equal(1);
    expect(missing.stderr).to.contain('[RULE_FILE_UNREADABLE]');
  });
});
