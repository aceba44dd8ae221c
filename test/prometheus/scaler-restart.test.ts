import { readFileSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { eventually } from '../eventually.js';
import type { DecisionRecord } from '../../scaler/loop/record.js';

import type { RunningScaler } from './running-scaler.js';
import { ScalerHarness, shop } from './scaler-harness.js';

/** Seconds of every window, period and time of a step; a restart takes a fraction of it. */
const WINDOW = 24;
const KILLED_AFTER = 10;
const HOUR = 3600;
/** Tolerance in seconds: rounds are one second apart on a machine that may be busy. */
const NEAR = 5;
const SCALERS = ['steady', 'restarted', 'forgetful', 'late'] as const;
type Name = (typeof SCALERS)[number];

/** Rules whose history matters: recommendations of a calm workload, changes of a busy one, step time of a stuck one. */
function rulesFor(name: Name): object {
  const rule = (workload: string) => ({
    scale: workload,
    scaleTargetRef: { apiVersion: 'apps/v1', kind: 'StatefulSet', namespace: 'shop', name: workload },
    maxReplicas: 5,
    decide: [{ bound: 'lock', when: { lock: { above: 0.5 } }, for: `${WINDOW}s`, action: 'hold' }],
    behavior: {
      scaleUp: { policies: [{ type: 'Pods', value: 1, periodSeconds: WINDOW }] },
      scaleDown: { stabilizationWindowSeconds: WINDOW },
    },
  });
  const rules = ['calm', 'busy', 'stuck'].map((what) => rule(`${name}-${what}`));
  return { groups: [{ name: 'shop', interval: '1s', window: '4s', rules }] };
}

describe('scaler that is killed and restarted', function () {
  this.timeout(150_000);
  const harness = new ScalerHarness();
  const scalers = {} as Record<Name, RunningScaler>;
  const fileOf = (name: Name): string => `${scalers[name].stem}.history.json`;

  before(async () => {
    const { workloads } = harness.metrics;
    const atTarget = { request: 0.2, states: { oncpu: 0.28, idle: 4 } };
    for (const name of SCALERS) {
      workloads.set(`${name}-calm`, { pods: 2, ...atTarget });
      workloads.set(`${name}-busy`, { pods: 2, ...atTarget });
      workloads.set(`${name}-stuck`, { pods: 2, ...atTarget });
    }
    await harness.start(shop(Object.fromEntries([...workloads.keys()].map((name) => [name, 2]))));
    const started = SCALERS.map(async (name) => {
      const flag = `--history.file=${harness.directory}/${name}.history.json`;
      const flags = name === 'forgetful' ? [] : [flag];
      scalers[name] = await harness.startScaler(name, rulesFor(name), ...flags);
      await scalers[name].untilDecision(
        `${name}-calm`,
        ({ class: workloadClass }) => workloadClass === 'none',
      );
    });
    await Promise.all(started);
    for (const name of SCALERS) {
      workloads.set(`${name}-calm`, { pods: 2, request: 0.2, states: { idle: 4 } });
      workloads.set(`${name}-busy`, { pods: 2, request: 0.2, states: { oncpu: 0.65, idle: 4 } });
      workloads.set(`${name}-stuck`, { pods: 2, request: 0.2, states: { oncpu: 0.28, lock: 4 } });
    }
    await sleep(KILLED_AFTER * 1000);
    const killed = [scalers.restarted, scalers.forgetful, scalers.late];
    await Promise.all(killed.map((scaler) => scaler.kill()));
    makeOlder(fileOf('late'), HOUR);
    await Promise.all(killed.map((scaler) => scaler.start()));
    const all = SCALERS.map((name) =>
      eventually(`all changes of ${name}`, () => Object.values(times(name)).every(Number.isFinite), 90_000),
    );
    await Promise.all(all);
  });

  after(() => harness.stop());

  function makeOlder(file: string, seconds: number): void {
    const older = (key: string, value: unknown): unknown =>
      ['at', 'savedAt', 'since', 'lastMatch'].includes(key) ? (value as number) - seconds : value;
    writeFileSync(file, JSON.stringify(JSON.parse(readFileSync(file, 'utf8'), older)));
  }

  /** Times of the first decision of each kind, in seconds since the epoch; NaN if there is none yet. */
  function times(name: Name) {
    const records = scalers[name].records();
    const first = (what: string, meets: (record: DecisionRecord) => boolean): number =>
      records.find((record) => record.workload === `${name}-${what}` && meets(record))?.at ?? NaN;
    return {
      down: first('calm', ({ applied, replicas }) => applied && replicas === 1),
      secondUp: first('busy', ({ applied, replicas }) => applied && replicas === 4),
      held: first('stuck', ({ class: workloadClass }) => workloadClass === 'lock'),
    };
  }

  /** Time of the first decision after the restart, which ends the longest pause between two decisions. */
  function backAt(name: Name): number {
    const at = scalers[name].records().map((record) => record.at);
    const pauses = at.map((time, index) => time - (at[index - 1] ?? time));
    return at[pauses.indexOf(Math.max(...pauses))]!;
  }

  it('decides like one that never stopped', () => {
    const [steady, restarted] = [times('steady'), times('restarted')];
    expect(backAt('restarted')).to.be.below(steady.secondUp - 2);
    for (const what of ['down', 'secondUp', 'held'] as const) {
      expect(restarted[what], what).to.be.closeTo(steady[what], NEAR);
    }
  });

  it('starts with an empty history without its file', () => {
    const back = backAt('forgetful');
    const { down, secondUp, held } = times('forgetful');
    expect(down - back, 'the window against scaling down').to.be.at.least(WINDOW - 1);
    expect(held - back, 'the time of the step').to.be.at.least(WINDOW - 1);
    expect(secondUp - back, 'a change that the policies would have delayed').to.be.below(NEAR);
  });

  it('treats an hour without decisions as an outage: a full window passes before it scales down', () => {
    const back = backAt('late');
    const { down, secondUp } = times('late');
    expect(down - back).to.be.within(WINDOW - 1, WINDOW + 2 * NEAR);
    expect(secondUp - back, 'no policy delays it').to.be.below(NEAR);
  });
});
