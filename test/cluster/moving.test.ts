import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { kernscale } from '../unit/scaler/kernscale-command.js';
import { deployment, kubectl, useCluster } from './harness.js';

const HPA = `apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: { namespace: shop, name: web }
spec:
  scaleTargetRef: { apiVersion: apps/v1, kind: Deployment, name: web }
  maxReplicas: 5
`;
const RULE = `groups:
  - name: shop
    rules:
      - { scale: web, dryRun: true, scaleTargetRef: { kind: Deployment, namespace: shop, name: web }, maxReplicas: 5 }
      - { scale: fleet, dryRun: true, match: { kind: Deployment, namespace: fleet }, maxReplicas: 9 }
      - { scale: gone, scaleTargetRef: { kind: Deployment, namespace: shop, name: gone }, maxReplicas: 9 }
`;

describe('moving from an HPA, on a cluster', function () {
  this.timeout(60_000);
  const cluster = useCluster();
  let folder: string;
  let file: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'kernscale-moving-'));
    file = join(folder, 'rules.yaml');
    await writeFile(file, RULE);
    const container = { resources: { requests: { cpu: '100m' } } };
    const many = deployment('many', { container }).replaceAll('shop', 'fleet');
    const namespace = '{apiVersion: v1, kind: Namespace, metadata: {name: fleet}}';
    await cluster().apply([namespace, deployment('web', { container }), many, HPA].join('\n---\n'));
  });
  after(() => rm(folder, { recursive: true }));

  const run = (command: string, ...argv: string[]) =>
    kernscale(command, `--kubernetes.kubeconfig=${cluster().kubeconfigPath}`, ...argv);

  it('imports the HPAs of the cluster, of one namespace, too', async () => {
    const all = await run('import', '--live');
    expect(all.status).to.equal(0);
    expect(all.stdout).to.match(/# HorizontalPodAutoscaler shop\/web, from the cluster\n {6}- scale: web$/m);
    expect(all.stdout).to.match(/target: \{ signal: cpu, averageUtilization: 80 \}/);
    expect((await run('import', '--live', '--namespace=shop')).stdout).to.equal(all.stdout);
    const none = await run('import', '--live', '--namespace=default');
    expect(none.status).to.equal(1);
    expect(none.stderr).to.match(/default: no HorizontalPodAutoscaler.*IMPORT_EMPTY/);
  });

  it('names the commands that hand over and back, which kubectl takes', async () => {
    const { status, stdout, stderr } = await run('adopt', 'shop/web', file);
    expect({ status, stderr }).to.deep.equal({ status: 0, stderr: '' });
    expect(stdout).to.match(/^shop\/Deployment\/web: rule "web" of group "shop"\s+\(\S+:4\), in\s+shadow$/m);
    expect(stdout).to.match(/^Scaled by HorizontalPodAutoscaler shop\/web\.$/m);
    expect(stdout.indexOf('End the shadow')).to.be.lessThan(stdout.indexOf('kubectl delete'));
    const [keep, remove, back] = stdout.match(/^ {7}kubectl .*$/gm) ?? [];
    const env = { ...process.env, KUBECONFIG: cluster().kubeconfigPath };
    const shell = (command = '') => promisify(execFile)('bash', ['-ec', command], { cwd: folder, env });
    await shell(keep);
    await shell(remove);
    const gone = await run('adopt', 'shop/web', file);
    expect(gone.stdout)
      .to.match(/^No other autoscaler scales it\.$/m)
      .and.not.to.match(/Go back/);
    await shell(back);
    const { stdout: names } = await kubectl(cluster(), ['get', 'hpa', '-n', 'shop', '-o', 'name']);
    expect(names).to.equal('horizontalpodautoscaler.autoscaling/web\n');
  });

  it('warns that a rule for many workloads acts on all of them', async () => {
    const { status, stdout } = await run('adopt', 'fleet/many', file);
    expect(status).to.equal(0);
    expect(stdout).to.match(/It is\s+for many workloads/);
    expect(stdout.split('\n').every((line) => line.length <= 100 || line.includes('kubectl'))).to.equal(true);
  });

  it('says what stands in the way', async () => {
    const { status, stderr } = await run('adopt', 'shop/gone', file);
    expect(status).to.equal(1);
    expect(stderr).to.match(/rule "gone": .*gone does not exist \[LINT_NO_TARGET\]$/m);
    const { status: unknown, stderr: message } = await run('adopt', 'shop/other', file);
    expect(unknown).to.equal(1);
    expect(message).to.match(/no rule scales shop\/other; .*\[ADOPT_NO_RULE\]/);
  });
});
