import { expect } from 'chai';
import { Registry } from 'prom-client';
import { DecisionRecords } from '../../../../scaler/loop/record.js';
import { registerRecords } from '../../../../scaler/loop/rule-metrics.js';
import { decisionOf, demandOf, harmOf, healthy, ON_ORDERS, ORDERS, RULE, type Made } from '../core/traces.js';
import { NOW } from '../core/fixtures.js';
import { recordOf } from '../decisions.js';

const LABELS = 'group="shop",scale="web",namespace="shop",workload="web",workload_kind="Deployment"';

/** Series of the last decision, without the labels of the rule. */
async function series(made: Made): Promise<Record<string, number>> {
  const records = new DecisionRecords();
  records.put(recordOf(RULE, decisionOf(made)));
  const registry = new Registry();
  registerRecords(registry, records);
  const samples = (await registry.metrics()).matchAll(
    new RegExp(`^kernscale_rule_(\\w+)\\{${LABELS},?(.*)\\} (\\S+)$`, 'gm'),
  );
  const found: Record<string, number> = {};
  for (const [, name = '', added, value] of samples) {
    found[added ? `${name} ${added}` : name] = Number(value);
  }
  return found;
}

describe('the metrics of a decision', () => {
  it('export demand, harm and its cause', async () => {
    const made = { demand: demandOf(25), harm: harmOf(ORDERS, ON_ORDERS), replicas: 3, class: 'dependency' };
    const found = await series(made);
    expect(found).to.include({
      desired_replicas: 3,
      demand_cores: 0.255,
      pod_target_cores: 0.07,
      demand_confidence: 1,
      'demand_method method="law"': 1,
      harmed: 1,
      'harm_cause cause="shop/orders"': 1,
      'class class="dependency"': 1,
      request_seconds: 0.21,
    });
    expect(found['demand_ratio']).to.be.closeTo(0.255 / 0.14, 1e-9);
    expect(found['request_usual_seconds']).to.be.closeTo(0.0275, 1e-9);
  });

  it('have no cause without harm, and a low confidence as 0', async () => {
    const demand = demandOf(20, { confidence: 'low', doubt: 'few answers' });
    const found = await series({ demand, harm: healthy([], { cause: 'disk' }) });
    expect(found).to.include({ harmed: 0, demand_confidence: 0 });
    expect(Object.keys(found).filter((name) => name.includes('cause'))).to.deep.equal([]);
  });

  it('have no series for what is not known, never a zero', async () => {
    const found = await series({ sizing: undefined });
    const known = Object.keys(found).sort();
    expect(known).to.deep.equal([
      'class class="none"',
      'current_replicas',
      'desired_replicas',
      'max_replicas',
      'min_replicas',
      'recommended_replicas',
    ]);
  });

  it('name the schedules in force', async () => {
    const times = { timeZone: 'UTC', start: '0 8 * * *', end: '0 18 * * *', until: NOW + 60 };
    const found = await series({ schedules: [{ name: 'day', ...times, minReplicas: 2 }] });
    expect(found).to.include({ 'schedule schedule="day"': 1 });
  });

  it('name the signal where that is not the CPU', async () => {
    const sizing = { signal: 'queue', demand: 100, targetPerPod: 30, ratio: 1.67, replicas: 4 };
    const found = await series({ sizing });
    expect(found).to.include({ 'signal_demand signal="queue"': 100, 'signal_target signal="queue"': 30 });
    expect(found).not.to.have.property('demand_cores');
  });
});
