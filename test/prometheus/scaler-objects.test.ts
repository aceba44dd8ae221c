import { expect } from 'chai';
import { stringify } from 'yaml';
import { eventually } from '../eventually.js';
import type { RuleStatus } from '../../scaler/loop/rule-status.js';
import { ScalerHarness, shop } from './scaler-harness.js';
import type { RunningScaler } from './running-scaler.js';

const PATH = '/apis/kernscale.io/v1alpha1/namespaces/shop/scalingrules';

function scalingRule(name: string, spec: object): string {
  return stringify({
    apiVersion: 'kernscale.io/v1alpha1',
    kind: 'ScalingRule',
    metadata: { namespace: 'shop', name },
    spec,
  });
}

/** The real scaler with rules from objects of a stand-in cluster. */
describe('the scaler with ScalingRule objects', function () {
  this.timeout(90_000);
  const harness = new ScalerHarness();
  let scaler: RunningScaler;

  before(async () => {
    harness.metrics.workloads.set('web', { pods: 1, request: 0.2, states: { oncpu: 0.1 } });
    await harness.start(shop({ web: 1 }));
    scaler = await harness.startScaler('objects', { groups: [] }, '--rules.objects', '--restore.range=0s');
  });
  after(() => harness.stop());

  async function statusOf(name: string): Promise<RuleStatus | undefined> {
    const object = JSON.parse(await harness.kubernetes(`${PATH}/${name}`)) as { status?: RuleStatus };
    return object.status;
  }

  async function untilCondition(name: string, type: string, reason: string): Promise<void> {
    await eventually(
      `${type} ${reason}`,
      async () =>
        (await statusOf(name))?.conditions.some((one) => one.type === type && one.reason === reason) ?? false,
      60_000,
    );
  }

  it('scales by them, and writes what it decides into their status', async () => {
    const scaleTargetRef = { apiVersion: 'apps/v1', kind: 'StatefulSet', name: 'web' };
    await harness.cluster.apply(scalingRule('web', { scaleTargetRef, minReplicas: 3, maxReplicas: 9 }));
    await scaler.untilDecision('web', ({ applied, replicas }) => applied && replicas === 3, 60_000);
    await untilCondition('web', 'AbleToScale', 'Ready');
    const status = await statusOf('web');
    expect(status).to.include({ observedGeneration: 1, workloads: 1 });
    await harness.cluster.apply(scalingRule('web', { scaleTargetRef, minReplicas: 4, maxReplicas: 9 }));
    await scaler.untilDecision('web', ({ applied, replicas }) => applied && replicas === 4, 60_000);
  });

  it('says in the status what is wrong with a rule, and goes on with the others', async () => {
    await harness.cluster.apply(scalingRule('broken', { match: { kind: 'StatefulSet' }, maxReplica: 2 }));
    await untilCondition('broken', 'ScalingActive', 'InvalidRule');
    const { status } = (await scaler.decisions())!;
    expect(status.problems.join('\n')).to.match(/ScalingRule shop\/broken: .*maxReplica/);
    await scaler.untilDecision('web', () => true);
  });
});
