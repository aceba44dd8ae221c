import { CoreV1Api, type CoreV1Event, type KubeConfig } from '@kubernetes/client-node';
import { expect } from 'chai';
import { stringify } from 'yaml';
import { loadKubeConfig } from '../../common/kubeconfig.js';
import { createLogger } from '../../common/log.js';
import { ClusterView } from '../../scaler/kubernetes/cluster.js';
import { EventWriter } from '../../scaler/kubernetes/events.js';
import { fieldManagerOf, ScaleClient } from '../../scaler/kubernetes/scale.js';
import { Histories } from '../../scaler/loop/histories.js';
import { ScalerMetrics, registerState } from '../../scaler/loop/metrics.js';
import { DecisionRecords, type DecisionRecord } from '../../scaler/loop/record.js';
import { Scaler } from '../../scaler/loop/scaler.js';
import { parseRules } from '../../scaler/rules/load.js';
import { startFaultyCluster, type FaultyCluster } from '../cluster/faults.js';
import { kubectl } from '../cluster/harness.js';
import { eventually } from '../eventually.js';
import { shop } from './scaler-harness.js';

const START = 1_700_000_000;
const FIELD_MANAGER = fieldManagerOf({ namespace: 'kernscale', name: 'kernscale-scaler' });
const log = createLogger({ level: 'silent', format: 'text' });

/** Without any data, a rule brings its workload to at least 3 replicas, and that is all it does. */
const RULES = `groups:
  - name: shop
    interval: 1s
    rules:
      - {scale: all, match: {kind: StatefulSet, namespace: shop}, minReplicas: 3, maxReplicas: 9}
      - {scale: dry, scaleTargetRef: {kind: StatefulSet, namespace: shop, name: dry}, minReplicas: 3, maxReplicas: 9, dryRun: true}
`;

function autoscaler(name: string, target: string, metadata: object = {}): string {
  return stringify({
    apiVersion: 'autoscaling/v2',
    kind: 'HorizontalPodAutoscaler',
    metadata: { namespace: 'shop', name, ...metadata },
    spec: {
      scaleTargetRef: { apiVersion: 'apps/v1', kind: 'StatefulSet', name: target },
      maxReplicas: 5,
    },
  });
}

/** Real watches, writes and Events of the scaler, and the real kubectl, on a stand-in cluster. */
describe('the scaler and others who scale', function () {
  this.timeout(60_000);
  let cluster: FaultyCluster;
  let config: KubeConfig;
  let view: ClusterView;
  let scaler: Scaler;
  let records: DecisionRecords;
  let metrics: ScalerMetrics;
  let now: number;
  let abort: AbortController;

  beforeEach(async () => {
    now = START;
    abort = new AbortController();
    cluster = await startFaultyCluster({ images: {} });
    config = loadKubeConfig(cluster.kubeconfigPath);
  });

  afterEach(async () => {
    await scaler.stop();
    view.stop();
    abort.abort();
    await cluster.stop();
  });

  async function run(whenSynced = true): Promise<void> {
    const scales = new ScaleClient(config, abort.signal, FIELD_MANAGER);
    view = new ClusterView(config, log, (...kind) => scales.resourceName(...kind), FIELD_MANAGER);
    if (whenSynced) await view.whenSynced();
    records = new DecisionRecords();
    metrics = new ScalerMetrics();
    scaler = new Scaler({
      query: () => Promise.resolve({ ok: true, samples: [] }),
      cluster: view,
      scales,
      events: new EventWriter(config, abort.signal),
      histories: new Histories(),
      records,
      metrics,
      clock: () => now,
      queryOffset: 0,
      leads: () => true,
      log,
    });
    registerState(metrics.registry, {
      records,
      topology: () => view.topology(),
      watchRestarts: () => 0,
      leads: () => true,
      clockSkew: () => undefined,
      problems: () => view.problems(),
      version: 'test',
    });
    scaler.use(parseRules('r.yaml', RULES).groups);
  }

  const recordOf = (name: string): DecisionRecord | undefined =>
    records.get({ namespace: 'shop', kind: 'StatefulSet', name });
  const replicasOf = (name: string): number | undefined =>
    view.workloads().find(({ ref }) => ref.name === name)?.replicas;

  /** Waits for a reason that matches, and returns it. */
  async function reason(name: string, pattern: RegExp): Promise<string> {
    return eventually(`${name}: ${pattern.source}`, () => {
      const text = recordOf(name)?.reason ?? '';
      return pattern.test(text) && text;
    });
  }

  async function scaled(name: string, replicas: number): Promise<void> {
    await eventually(`${replicas} replicas of ${name}`, () => replicasOf(name) === replicas);
  }

  async function kube(...parameters: string[]): Promise<void> {
    const { code, stderr } = await kubectl(cluster, ['--namespace=shop', ...parameters]);
    expect(code, stderr).to.equal(0);
  }

  async function events(name: string): Promise<CoreV1Event[]> {
    const { items } = await config.makeApiClient(CoreV1Api).listNamespacedEvent({ namespace: 'shop' });
    return items.filter(({ involvedObject, source }) => {
      return involvedObject.name === name && source?.component === 'kernscale-scaler';
    });
  }

  it('leaves a workload to an HPA, says who, and resumes when it is gone', async () => {
    const owner = {
      apiVersion: 'keda.sh/v1alpha1',
      kind: 'ScaledObject',
      name: 'queue',
      uid: 'u',
      controller: true,
    };
    await cluster.apply(
      [
        shop({ web: 2, queue: 2, free: 2, dry: 2 }),
        autoscaler('web', 'web'),
        autoscaler('dry', 'dry'),
        autoscaler('keda-hpa-queue', 'queue', { ownerReferences: [owner] }),
      ].join('---\n'),
    );
    await run();
    const byKeda = 'ScaledObject shop/queue (HorizontalPodAutoscaler shop/keda-hpa-queue)';
    expect(await reason('queue', /scales it/)).to.equal(`${byKeda} scales it, so this rule does not`);
    await reason('web', /^HorizontalPodAutoscaler shop\/web scales it/);
    expect(await reason('dry', /shadow mode/)).to.match(
      /Outside shadow mode .*: HorizontalPodAutoscaler shop\/dry/,
    );
    expect(recordOf('dry')).to.include({ replicas: 3, outcome: 'dry_run' });
    await scaled('free', 3);
    expect([replicasOf('web'), replicasOf('queue')]).to.deep.equal([2, 2]);
    expect(await metrics.registry.metrics()).to.match(
      /kernscale_rule_yields\{.*workload="queue".*reason="otherAutoscaler",by="ScaledObject shop\/queue .*"\} 1/,
    );
    const told = await eventually('an Event', async () => (await events('queue'))[0]);
    expect(told).to.include({ type: 'Warning', reason: 'OtherAutoscaler' });
    expect(told.message).to.include(byKeda);
    await kube('delete', 'hpa', 'web');
    await scaled('web', 3);
    expect(replicasOf('queue')).to.equal(2);
  });

  it('goes on, and says so, where it may not list autoscalers, until it may', async () => {
    cluster.faults.reject({ code: 403, path: /horizontalpodautoscalers/ });
    await cluster.apply(shop({ web: 2 }));
    await run();
    await scaled('web', 3);
    expect(view.synced).to.equal(true);
    expect(view.problems().join()).to.match(
      /Cannot watch \/apis\/autoscaling\/v2\/horizontalpodautoscalers.*rules do not see who else scales/,
    );
    cluster.faults.clear();
    await cluster.apply(autoscaler('web', 'web'));
    await reason('web', /scales it/);
    expect(view.problems()).to.deep.equal([]);
  });

  it('does nothing until it knows whether an autoscaler scales the workload', async () => {
    cluster.faults.reject({ code: 500, method: 'GET', path: /horizontalpodautoscalers/ });
    await cluster.apply(shop({ web: 2, free: 2 }) + '---\n' + autoscaler('web', 'web'));
    await run(false);
    await scaled('free', 2);
    await eventually('a problem', () => scaler.problems().join().includes('nothing is decided until'));
    expect([records.list(), replicasOf('free')]).to.deep.equal([[], 2]);
    cluster.faults.clear();
    await scaled('free', 3);
    await reason('web', /scales it/);
    expect(replicasOf('web')).to.equal(2);
  });

  it('lets a change by kubectl be for 10 minutes, and one that comes again for 20', async () => {
    await cluster.apply(shop({ web: 2 }));
    await run();
    await scaled('web', 3);
    await kube('scale', 'statefulset/web', '--replicas=2');
    expect(await reason('web', /stay until/)).to.equal(
      'kubectl changed 3 replicas to 2, which stay until 2023-11-14T22:23:20Z',
    );
    const told = await eventually('an Event', async () => {
      return (await events('web')).find((event) => event.reason === 'ReplicasChanged');
    });
    expect(told.message).to.include('kubectl changed 3 replicas to 2');
    now += 600;
    await scaled('web', 3);
    const patch = ['patch', 'statefulset', 'web', '--type=merge', '-p={"spec":{"replicas":1}}'];
    await kube(...patch, '--field-manager=argocd-controller');
    expect(await reason('web', /stay until/)).to.equal(
      'argocd-controller changed 3 replicas to 1, which stay until 2023-11-14T22:43:20Z',
    );
    expect(await metrics.registry.metrics()).to.match(
      /kernscale_rule_yields\{.*reason="otherWriter",by="argocd-controller"\} 1/,
    );
    now += 1200;
    await scaled('web', 3);
  });

  it('lets the change of a Kernscale with another lease be', async () => {
    await cluster.apply(shop({ web: 2 }));
    await run();
    await scaled('web', 3);
    const other = fieldManagerOf({ namespace: 'staging', name: 'kernscale-scaler' });
    const scales = new ScaleClient(config, abort.signal, other);
    const ref = { apiVersion: 'apps/v1', kind: 'StatefulSet', namespace: 'shop', name: 'web' };
    // Controllers write the status of the object at any time.
    await eventually('no conflict', async () => {
      const { resourceVersion } = await scales.get(ref);
      return scales.set(ref, 2, resourceVersion).catch(() => undefined);
    });
    expect(await reason('web', /stay until/)).to.match(
      /^kernscale-scaler\/staging\/kernscale-scaler changed 3 replicas to 2/,
    );
  });

  it('does not take the replicas of a roll-out for a wish', async () => {
    await cluster.apply(shop({ web: 2 }));
    await run();
    await scaled('web', 3);
    await cluster.apply(shop({ web: 1 }).replace('image: host', 'image: newer'));
    await eventually('the new template', () => recordOf('web')?.currentReplicas === 1);
    await scaled('web', 3);
  });

  it('heeds the annotations of a workload', async () => {
    await cluster.apply(shop({ web: 2 }));
    await run();
    await scaled('web', 3);
    await kube('annotate', 'statefulset/web', 'kernscale.io/paused=load test');
    await reason('web', /^Paused by the annotation kernscale.io\/paused: load test$/);
    await kube('scale', 'statefulset/web', '--replicas=2');
    await eventually('the new number', () => recordOf('web')?.currentReplicas === 2);
    expect(recordOf('web')?.replicas).to.equal(2);
    await kube('annotate', 'statefulset/web', 'kernscale.io/min-replicas=5', 'kernscale.io/max-replicas=50');
    await eventually('a problem', () =>
      scaler.problems().join().includes('max-replicas "50" is no whole number'),
    );
    await kube('annotate', 'statefulset/web', 'kernscale.io/paused-');
    await scaled('web', 5);
    expect(recordOf('web')).to.include({ minReplicas: 5, maxReplicas: 9 });
  });
});
