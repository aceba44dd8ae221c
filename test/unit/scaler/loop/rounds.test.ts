import { expect } from 'chai';
import { pino } from 'pino';
import { eventually } from '../../../eventually.js';
import { KernscaleError } from '../../../../common/errors.js';
import type { WorkloadEvent } from '../../../../scaler/kubernetes/events.js';
import type { WatchedWorkload } from '../../../../scaler/kubernetes/objects.js';
import { Histories } from '../../../../scaler/loop/histories.js';
import { ScalerMetrics } from '../../../../scaler/loop/metrics.js';
import { DecisionRecords } from '../../../../scaler/loop/record.js';
import { RoundEvents } from '../../../../scaler/loop/round-events.js';
import { RoundHealth } from '../../../../scaler/loop/round-health.js';
import { Scaler, type ScalerOptions } from '../../../../scaler/loop/scaler.js';
import { parseRules } from '../../../../scaler/rules/load.js';
import { ONE_POD_IN_TEN_MINUTES } from './one-pod-rules.js';

const RULES = `groups:
  - name: shop
    interval: 1s
    rules:
      - {scale: all, match: {kind: Deployment}, minReplicas: 3, maxReplicas: 9}
`;

function deployment(name: string): WatchedWorkload {
  const ref = { apiVersion: 'apps/v1', kind: 'Deployment', namespace: 'shop', name };
  return { ref, uid: name, labels: {}, replicas: 2 };
}

describe('RoundHealth', () => {
  let now: number;
  let health: RoundHealth;

  beforeEach(() => {
    now = 1000;
    health = new RoundHealth(() => now);
  });

  it('names a round that failed, until one succeeds', () => {
    health.begin();
    health.end('out of luck');
    expect(health.problems()).to.deep.equal(['the round failed: out of luck']);
    health.begin();
    expect(health.problems(), 'while the next one runs').to.have.length(1);
    health.end();
    expect(health.problems()).to.deep.equal([]);
  });

  it('names a round that is late, while it runs', () => {
    health.begin();
    now += 25;
    expect(health.problems()).to.deep.equal([]);
    expect([health.late(), health.late()], 'news once').to.deep.equal([true, false]);
    expect(health.problems()).to.deep.equal(['a round has been running for 25 s']);
    health.end();
    expect(health.problems()).to.deep.equal([]);
  });

  it('is unready a minute after the last success, or three intervals, whether rounds fail, hang or never begin', () => {
    now += 60;
    expect(health.unready(10)).to.equal(undefined);
    now += 1;
    expect(health.unready(10)).to.equal('no round has succeeded for 61 s');
    expect(health.unready(60)).to.equal(undefined);
    health.begin();
    health.end('out of luck');
    expect(health.unready(10)).to.equal('no round has succeeded for 61 s, the round failed: out of luck');
    health.begin();
    health.end();
    expect(health.unready(10)).to.equal(undefined);
  });
});

describe('RoundEvents', () => {
  let now: number;
  let health: RoundHealth;
  let events: RoundEvents;
  let written: string[];

  beforeEach(() => {
    now = 1000;
    written = [];
    health = new RoundHealth(() => now);
    events = new RoundEvents(
      'shop',
      () => now,
      ({ reason, target }) => written.push(`${reason} ${target.name}`),
    );
    events.concern([deployment('a').ref], []);
  });

  function round(failure?: string, seconds = 10): void {
    health.begin();
    now += seconds;
    health.end(failure);
    events.tell(health);
  }

  it('say that a round is late, that it failed, and that all is well again', () => {
    round();
    health.begin();
    health.late();
    events.tell(health);
    health.late();
    events.tell(health);
    health.end('out of luck');
    events.tell(health);
    round('out of luck');
    round();
    round();
    expect(written).to.deep.equal(['RoundLate a', 'RoundFailed a', 'RoundsSucceed a']);
  });

  it('are few where every other round fails', () => {
    for (let done = 0; done < 60; done++) round(done % 2 === 0 ? 'out of luck' : undefined);
    // 600 s
    expect(written).to.deep.equal(['RoundFailed a', 'RoundsSucceed a']);
    round('out of luck');
    expect(written).to.have.length(3);
  });

  it('are few where a group has many workloads', () => {
    events.concern(Array.from({ length: 1000 }, (_, index) => deployment(`${index}`).ref));
    round('out of luck');
    expect(written).to.have.length(20);
  });
});

describe('rounds', () => {
  let scaler: Scaler;
  let metrics: ScalerMetrics;
  let logged: string[];

  function run(changes: Partial<ScalerOptions>, rules = RULES): void {
    metrics = new ScalerMetrics();
    logged = [];
    scaler = new Scaler({
      query: () => Promise.resolve({ ok: true, samples: [] }),
      cluster: { synced: true, workloads: () => [], topology: () => ({ resolve: () => undefined }) },
      scales: {
        get: () => Promise.resolve({ replicas: 2, uid: 'u', resourceVersion: '1' }),
        set: () => Promise.resolve({ replicas: 3, uid: 'u', resourceVersion: '2' }),
      },
      events: { write: () => Promise.resolve() },
      histories: new Histories(),
      records: new DecisionRecords(),
      metrics,
      clock: () => 1_700_000_000,
      queryOffset: 0,
      leads: () => true,
      log: pino(
        { level: 'warn' },
        { write: (line) => logged.push((JSON.parse(line) as { msg: string }).msg) },
      ),
      ...changes,
    });
    scaler.use(parseRules('r.yaml', rules).groups);
  }

  afterEach(async () => {
    await scaler.stop();
  });

  const valueOf = async (metric: string): Promise<number | undefined> => {
    const { values } = await metrics.registry.getSingleMetric(metric)!.get();
    return values[0]?.value;
  };

  it('that fail are a problem, a metric and a log line, until one succeeds', async () => {
    let broken = true;
    const workloads = (): WatchedWorkload[] => {
      if (broken) throw new Error('out of luck');
      return [];
    };
    run({ cluster: { synced: true, workloads, topology: () => ({ resolve: () => undefined }) } });
    await eventually('a problem', () => scaler.problems().length > 0);
    expect(scaler.problems()).to.deep.equal(['Group "shop": the round failed: out of luck.']);
    expect(await valueOf('kernscale_rule_group_failed_rounds_total')).to.be.at.least(1);
    expect(await valueOf('kernscale_rule_group_missed_rounds_total'), 'before the first').to.equal(0);
    expect(await valueOf('kernscale_rule_group_last_success_timestamp_seconds')).to.equal(undefined);
    expect(logged).to.include('the round failed');
    broken = false;
    await eventually('no problem', () => scaler.problems().length === 0);
    // The rounds' clock, not the machine's.
    expect(await valueOf('kernscale_rule_group_last_success_timestamp_seconds')).to.equal(1_700_000_000);
  });

  it('that hang are a problem, a metric and a log line once', async () => {
    let release = (): void => undefined;
    const hung = new Promise<void>((resolve) => (release = resolve));
    run({ keep: () => hung });
    await eventually('late', () => scaler.problems().length > 0);
    expect(scaler.problems()[0]).to.match(/^Group "shop": a round has been running for \d s\.$/);
    await eventually('missed twice', async () => {
      const missed = await valueOf('kernscale_rule_group_missed_rounds_total');
      return (missed ?? 0) >= 2;
    });
    expect(logged).to.deep.equal(['the round is late']);
    release();
    await eventually('no problem', () => scaler.problems().length === 0);
  });

  it('that fail are an Event on what they concern: when that begins, and when it ends', async () => {
    let broken = true;
    const events: WorkloadEvent[] = [];
    const of = (reason: string) => events.filter((event) => event.reason === reason);
    const histories = new Histories();
    const set = histories.set.bind(histories);
    histories.set = (workload, ...rest) => {
      if (broken && workload.endsWith('odd')) throw new Error('out of luck');
      set(workload, ...rest);
    };
    const workloads = () => ['a', 'odd'].map(deployment);
    run({
      cluster: { synced: true, workloads, topology: () => ({ resolve: () => undefined }) },
      histories,
      events: { write: (event) => Promise.resolve(void events.push(event)) },
    });
    const failed = 'kernscale_rule_group_failed_rounds_total';
    await eventually('two failed rounds', async () => ((await valueOf(failed)) ?? 0) >= 2);
    expect(
      of('RoundFailed').map(({ target, uid, type, message }) => [target.name, uid, type, message]),
    ).to.deep.equal([
      [
        ...['odd', 'odd', 'Warning'],
        'In rule group "shop", the round failed: cannot act on shop/Deployment/odd: out of luck. ' +
          'Until a round succeeds, replicas stay as they are.',
      ],
    ]);
    broken = false;
    await eventually('success', () => of('RoundsSucceed').length > 0);
    expect(of('RoundsSucceed').map(({ target }) => target.name)).to.deep.equal(['a', 'odd']);
  });

  for (const seen of [true, false]) {
    it(`of a new leader keep to what the old one did, ${seen ? 'rounds' : 'just'} before`, async () => {
      const now = 1_700_000_000;
      const labels = { namespace: 'shop', workload: 'cart', workload_kind: 'Deployment' };
      let [leads, replicas] = [false, 2];
      const written: number[] = [];
      const records = new DecisionRecords();
      const recorded = () => records.list()[0];
      const evaluations = () => valueOf('kernscale_rule_evaluations_total');
      run(
        {
          query: (expr) => {
            const value = expr === 'queue_length' ? 20 : now;
            const samples = expr.includes('queue_length') ? [{ labels, value, timestamp: now }] : [];
            return Promise.resolve({ ok: true, samples });
          },
          cluster: {
            synced: true,
            workloads: () => [{ ...deployment('cart'), replicas }],
            topology: () => ({ resolve: () => undefined }),
          },
          scales: {
            get: () => Promise.resolve({ replicas, uid: 'u', resourceVersion: '1' }),
            set: (_, wanted) => {
              written.push(wanted);
              return Promise.resolve({ replicas: wanted, uid: 'u', resourceVersion: '2' });
            },
          },
          records,
          leads: () => leads,
        },
        ONE_POD_IN_TEN_MINUTES,
      );
      await eventually('a decision', () => recorded()?.outcome === 'not_leader');
      expect(recorded()?.replicas).to.equal(3);
      replicas = 3;
      if (seen) await eventually('the change', () => recorded()?.currentReplicas === 3);
      leads = true;
      const before = (await evaluations()) ?? 0;
      await eventually('rounds', async () => ((await evaluations()) ?? 0) >= before + 2);
      expect(written).to.deep.equal([]);
      expect(recorded()?.trace.bindingConstraint).to.equal('scaleUpLimit');
    });
  }

  it('act on every other workload where acting on one fails', async () => {
    const records = new DecisionRecords();
    const put = records.put.bind(records);
    records.put = (record) => {
      if (record.workload === 'odd') throw new Error('out of luck');
      return put(record);
    };
    const workloads = () => ['a', 'odd', 'z'].map(deployment);
    run({ cluster: { synced: true, workloads, topology: () => ({ resolve: () => undefined }) }, records });
    await eventually('a problem', () => scaler.problems().length > 0);
    expect(scaler.problems()[0]).to.include('cannot act on shop/Deployment/odd: out of luck');
    const done = records.list().map(({ workload, outcome }) => `${workload} ${outcome}`);
    expect(done).to.deep.equal(['a applied', 'z applied']);
  });

  it('leave to the next round what an API that fails has not scaled', async () => {
    const records = new DecisionRecords();
    const get = () => Promise.reject(new KernscaleError('API_TIMEOUT', 'no response'));
    const scales = { get, set: () => Promise.reject(new Error('not reached')) };
    const workloads = () => [deployment('a')];
    run({
      cluster: { synced: true, workloads, topology: () => ({ resolve: () => undefined }) },
      records,
      scales,
    });
    await eventually('a record', () => records.list().length === 1);
    expect(records.list()[0]).to.include({ outcome: 'failed', replicas: 3 });
  });
});
