import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { kernscale } from '../unit/scaler/kernscale-command.js';
import { PastPrometheus } from './prometheus.js';

describe('kernscale check --prometheus.url', function () {
  this.timeout(60_000);
  const prometheus = new PastPrometheus();
  let folder: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'kernscale-check-'));
    await prometheus.start({ from: 0, to: 0, scrapeInterval: 15, series: [] });
  });
  after(async () => {
    await prometheus.stop();
    await rm(folder, { recursive: true });
  });

  async function check(expr: string, ...flags: string[]) {
    const file = join(folder, 'rules.yaml');
    const rule = `{scale: a, scaleTargetRef: {kind: Deployment, namespace: s, name: a}, maxReplicas: 2}`;
    await writeFile(
      file,
      `groups:\n  - name: g\n    signals:\n      cpu: {expr: '${expr}'}\n    rules: [${rule}]\n`,
    );
    const ended = await kernscale('check', ...flags, file);
    return { ...ended, stderr: ended.stderr.replaceAll(`${folder}/`, '') };
  }
  const served = (expr: string) => check(expr, `--prometheus.url=${prometheus.url}`);

  it('reports what the server refuses, in its words, where our own grammar knows no fault', async () => {
    expect((await check('sum(histogram_avg(x))')).status).to.equal(0);
    const { status, stderr } = await served('sum(histogram_avg(x))');
    expect(status).to.equal(1);
    expect(stderr).to.match(
      /^rules\.yaml:4:24: group "g": signal "cpu": Prometheus refuses it: unknown function with name "histogram_avg" \[RULE_PROMQL\]\n/,
    );
  });

  it('warns of what the server accepts and the scaler refuses', async () => {
    const expr = 'holt_winters(x[5m], 0.5, 0.5)';
    expect((await check(expr)).stderr).to.contain('[RULE_PROMQL]');
    const { status, stderr } = await served(expr);
    expect(status).to.equal(0);
    expect(stderr).to.match(/rules\.yaml:4:20: warning: .*Prometheus accepts it, but .*\[LINT_PROMQL\]\n/);
  });

  it('still reports what no signal can be', async () => {
    const { status, stderr } = await served('x[5m]');
    expect(status).to.equal(1);
    expect(stderr).to.contain('the expression returns a range vector');
  });
});
