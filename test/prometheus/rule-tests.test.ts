import { execFile } from 'node:child_process';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import type { DecisionRecord } from '../../scaler/loop/record.js';
import { fromRoot } from '../../sandbox/paths.js';
import { kernscale, TYPESCRIPT, type Ended } from '../unit/scaler/kernscale-command.js';

const RULES = `groups:
  - name: shop
    signals:
      queue: { expr: queue_length }
      pods: { expr: queue_length * 0 + 10 }
    rules:
      - scale: worker
        scaleTargetRef: { kind: Deployment, namespace: shop, name: worker }
        maxReplicas: 10
        target: { signal: queue, averageValue: 5 }
        decide: [{ bound: queue, when: { target: { above: 1 } }, action: scale }]
`;
const SERIES = 'queue_length{namespace="shop", workload="worker", workload_kind="Deployment"}';

describe('kernscale test', function () {
  this.timeout(60_000);
  let folder: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'kernscale-rule-tests-'));
    await writeFile(join(folder, 'rules.yaml'), RULES);
  });
  after(() => rm(folder, { recursive: true }));

  /** Runs a file of one test with these values and expectations. */
  async function test(values: string, expectations: readonly string[], ...flags: string[]): Promise<Ended> {
    const lines = [
      'rule_files: [rules.yaml]',
      'tests:',
      '  - interval: 10s',
      `    input_series: [{ series: '${SERIES}', values: '${values}' }]`,
      '    workloads: { shop/Deployment/worker: { replicas: 2 } }',
      '    scale_test:',
      ...expectations.map((expected) => `      - { ${expected} }`),
    ];
    return run(lines, ...flags);
  }

  async function run(lines: readonly string[], ...flags: string[]): Promise<Ended> {
    await writeFile(join(folder, 'test.yaml'), lines.join('\n'));
    const ended = await kernscale('test', ...flags, join(folder, 'test.yaml'));
    return { ...ended, stderr: ended.stderr.replaceAll(`${folder}/`, '') };
  }

  it('passes the tests of the shipped rules', async () => {
    const { status, stdout, stderr } = await kernscale('test', 'rules/tests');
    expect(stderr).to.equal('');
    expect(stdout).to.match(/^SUCCESS: (\d+) of \1 expectations met\n$/);
    expect(status).to.equal(0);
  });

  it('has a test file for every shipped rule file', async () => {
    const yaml = async (folder: string): Promise<string[]> =>
      (await readdir(folder)).filter((name) => name.endsWith('.yaml'));
    const rules = [...(await yaml('rules/scaling')), ...(await yaml('rules/scaling/examples'))];
    expect(await yaml('rules/tests')).to.include.members(rules);
  });

  it('carries replicas and history from round to round', async () => {
    const { status, stderr } = await test('10x3 30x3 10x60', [
      'eval_time: 30s, scale: worker, exp_bound: none, exp_replicas: 2, exp_reason: (1×)',
      'eval_time: 40s, scale: worker, exp_bound: queue, exp_replicas: 6, exp_reason: queue demand 30',
      'eval_time: 5m, scale: worker, exp_bound: none, exp_replicas: 6, exp_reason: in the last 300 s',
      'eval_time: 9m, scale: worker, exp_replicas: 2',
    ]);
    expect(stderr).to.equal('');
    expect(status).to.equal(0);
  });

  it('shows the expected and the actual decision, with its trace', async () => {
    const { status, stdout, stderr } = await test('30x6', [
      'eval_time: 1m, scale: worker, exp_bound: cpu, exp_replicas: 3, exp_reason: because',
    ]);
    expect(status).to.equal(1);
    expect(stdout).to.equal('');
    expect(stderr).to.match(
      /^test\.yaml:7:9: shop\/Deployment\/worker at 1m: bound: expected cpu, got none; replicas: expected 3, got 6; reason: /,
    );
    expect(stderr).to.contain('6 replicas: queue demand 30; ');
    expect(stderr).to.match(/FAILED: 0 of 1 expectations met\n$/);
  });

  it('prints one JSON object with the whole decision with --json', async () => {
    const { status, stdout } = await test(
      '30x6',
      ['eval_time: 1m, scale: worker, exp_replicas: 3'],
      '--json',
    );
    expect(status).to.equal(1);
    const { results } = JSON.parse(stdout) as {
      results: { line: number; passed: boolean; got: DecisionRecord }[];
    };
    expect(results).to.have.lengthOf(1);
    expect(results[0]).to.include({ line: 7, passed: false });
    expect(results[0]?.got.trace.sizing).to.include({ signal: 'queue', demand: 30 });
  });

  it('never treats a missing value or a vanished series as zero', async () => {
    for (const values of ['10x3 _x60', '10x3 stale _x60']) {
      const { status, stderr } = await test(values, [
        'eval_time: 9m, scale: worker, exp_bound: unknown, exp_replicas: 2, exp_reason: no data',
      ]);
      expect(stderr).to.equal('');
      expect(status).to.equal(0);
    }
  });

  it('reports all errors of a test file, at their positions', async () => {
    const { status, stderr } = await run([
      'rule_files: [rules.yaml]',
      'tests:',
      '  - interval: 10s',
      '    input_serie: []',
      "    input_series: [{ series: 'a', values: 0x20 }]",
      '    workloads: {}',
      '    scale_test: [{ eval_time: 1 minute, scale: worker }]',
    ]);
    expect(status).to.equal(1);
    expect(stderr).to.contain(
      'test.yaml:5:43: tests[0].input_series[0].values must be a string, not 32 [RULE_WRONG_TYPE]',
    );
    expect(stderr).to.contain('test.yaml:7:31: tests[0].scale_test[0].eval_time must be a duration');
    expect(stderr).to.contain('test.yaml:4:5: unknown field "input_serie" in tests[0]; did you mean');
    expect(stderr).to.match(/FAILED: 0 of 0 expectations met, 3 errors\n$/);
  });

  it('reports unknown rules and workloads, and series that Prometheus rejects', async () => {
    const wrong = await test('1x2', [
      'eval_time: 1m, scale: workre',
      'eval_time: 1m, scale: worker, workload: a/b/c',
    ]);
    expect(wrong.stderr).to.equal(
      'test.yaml:7:33: unknown rule "workre"; did you mean "worker"? [TEST_UNKNOWN_TARGET]\n' +
        'test.yaml:8:51: "worker" does not scale a/b/c; it scales shop/Deployment/worker [TEST_UNKNOWN_TARGET]\n' +
        'see docs/errors.md#test_unknown_target\nFAILED: 0 of 0 expectations met, 2 errors\n',
    );
    const refused = await test('1x2 stael', ['eval_time: 1m, scale: worker']);
    expect(refused.status).to.equal(1);
    expect(refused.stderr).to.match(
      /^test\.yaml:3:5: promtool rejects the series: .*stael.*\[TEST_SERIES\]\n/,
    );
  });

  it('leaves no file behind, also of series that Prometheus rejects', async () => {
    const { TMPDIR } = process.env;
    process.env['TMPDIR'] = await mkdtemp(join(folder, 'temporary-'));
    try {
      expect((await test('1x2 stael', ['eval_time: 1m, scale: worker'])).status).to.equal(1);
      const left = await readdir(process.env['TMPDIR']);
      expect(left.filter((name) => !name.startsWith('tsx-'))).to.deep.equal([]);
    } finally {
      if (TMPDIR === undefined) delete process.env['TMPDIR'];
      else process.env['TMPDIR'] = TMPDIR;
    }
  });

  it('finds promtool from any folder', async () => {
    const inFolder = (PATH: string): Promise<string> =>
      new Promise((resolve) => {
        const argv = [TYPESCRIPT, fromRoot('scaler/cli.ts'), 'test', fromRoot('rules/tests/demo.yaml')];
        execFile(process.execPath, argv, { cwd: '/', env: { ...process.env, PATH } }, (_, stdout) => {
          resolve(stdout);
        });
      });
    expect(await inFolder('/nowhere')).to.match(/^SUCCESS/);
  });

  it('reports a missing promtool', async () => {
    const { status, stderr } = await run(
      [
        'rule_files: [rules.yaml]',
        'tests: [{ interval: 1m, input_series: [], workloads: {}, scale_test: [] }]',
      ],
      '--promtool.binary=/nonexistent/promtool',
    );
    expect(status).to.equal(1);
    expect(stderr).to.contain('must not be empty');
    const missing = await kernscale('test', '--promtool.binary=/nonexistent', 'rules/tests/demo.yaml');
    expect(missing.stderr).to.match(
      /^kernscale: cannot run \/nonexistent: .*\[PROMTOOL_MISSING\]\nsee docs\/errors\.md#promtool_missing\n$/,
    );
  });
});
