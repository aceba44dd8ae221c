import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { stringify } from 'yaml';
import { kernscale } from '../unit/scaler/kernscale-command.js';
import { startFaultyCluster, type FaultyCluster } from './faults.js';

const RULES = `groups:
  - name: shop
    rules:
      - { scale: web, scaleTargetRef: { kind: Deployment, namespace: shop, name: web }, maxReplicas: 9 }
      - { scale: gone, scaleTargetRef: { kind: Deployment, namespace: shop, name: gone }, maxReplicas: 9 }
      - { scale: jobs, match: { kind: StatefulSet, namespace: shop }, maxReplicas: 9 }
      - { scale: rollouts, match: { apiVersion: argoproj.io/v1alpha1, kind: Rollout }, maxReplicas: 9 }
`;

const OBJECTS = [
  { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'shop' } },
  {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { namespace: 'shop', name: 'web', annotations: { 'kernscale.io/paused': 'true' } },
    spec: {
      replicas: 1,
      selector: { matchLabels: { app: 'web' } },
      template: {
        metadata: { labels: { app: 'web' } },
        spec: { containers: [{ name: 'app', image: 'none' }] },
      },
    },
  },
  {
    apiVersion: 'autoscaling/v2',
    kind: 'HorizontalPodAutoscaler',
    metadata: { namespace: 'shop', name: 'old' },
    spec: { scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web' }, maxReplicas: 5 },
  },
];

describe('kernscale check --live, on a cluster', function () {
  this.timeout(60_000);
  let cluster: FaultyCluster;
  let folder: string;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'kernscale-live-'));
    await writeFile(join(folder, 'rules.yaml'), RULES);
    cluster = await startFaultyCluster({ images: {} });
    await cluster.apply(OBJECTS.map((object) => stringify(object)).join('---\n'));
  });

  after(async () => {
    await cluster.stop();
    await rm(folder, { recursive: true });
  });

  const check = (...flags: string[]) => {
    const kubeconfig = `--kubernetes.kubeconfig=${cluster.kubeconfigPath}`;
    return kernscale('check', '--live', kubeconfig, ...flags, join(folder, 'rules.yaml'));
  };

  it('names what each rule lacks, and fails on it with --lint-fatal', async () => {
    const { status, stdout, stderr } = await check('--lint-fatal');
    for (const part of [
      /rules\.yaml:4:\d+: warning: .*rule "web": HorizontalPodAutoscaler shop\/old scales shop\/Deployment\/web/,
      /rules\.yaml:4:\d+: warning: .*container app of pod web-\S+ requests no CPU; set resources\.requests\.cpu/,
      /rules\.yaml:4:\d+: note: .*shop\/Deployment\/web is paused/,
      /rules\.yaml:5:\d+: warning: .*rule "gone": .*gone does not exist/,
      /rules\.yaml:6:\d+: warning: .*rule "jobs": matches no workload of the cluster \[LINT_NO_MATCH\]/,
      /^warning: cannot match workloads of argoproj\.io\/v1alpha1 Rollout/m,
    ])
      expect(stderr).to.match(part);
    expect(stdout).to.equal('SUCCESS: 4 rules found, 5 warnings\n');
    expect(status).to.equal(3);
  });

  it('says why, where the API does not answer', async () => {
    cluster.faults.reject({ code: 500, path: /deployments/ });
    const { status, stderr } = await check();
    expect(status).to.equal(1);
    expect(stderr).to.match(/deployments.*500/);
  });
});
