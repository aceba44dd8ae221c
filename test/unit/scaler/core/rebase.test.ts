import { expect } from 'chai';
import { decide } from '../../../../scaler/core/decide-round.js';
import { notAfter, rebase } from '../../../../scaler/core/rebase.js';
import { EMPTY_HISTORY, type History, type Samples } from '../../../../scaler/core/round.js';
import { fillBehavior } from '../../../../scaler/rules/defaults.js';
import { at, NOW, ruleFor, samplesOf } from './fixtures.js';
import { Mesh } from './mesh.js';

const HOUR = 3600;
/** Smaller numbers are no times. */
const TIMES_FROM = 1e9;

function sampledAt(now: number, cpu: number, blockio = 0, replicas = 2): Samples {
  const values = { cpu, blockio, request: 1, pods: replicas, wait: 0, lock: 0 };
  const readings = Object.entries(values).map(([name, value]) => [name, at(value, now)]);
  return samplesOf({ replicas }, Object.fromEntries(readings) as Samples['signals']);
}

describe('a clock that was set back', () => {
  it('does not block growth', () => {
    const rule = ruleFor('web', { behavior: fillBehavior({ scaleUp: { stabilizationWindowSeconds: 0 } }) });
    const { history } = decide(rule, sampledAt(NOW, 1.4), EMPTY_HISTORY, NOW);
    const then = decide(rule, sampledAt(NOW - HOUR, 4.2), history, NOW - HOUR);
    expect(then.replicas).to.equal(6);
  });

  it('does not resume a hold that has ended', () => {
    const hold = { bound: 'disk', when: { blockio: { above: 0.4 } }, for: 0, keepFor: 60 };
    const rule = ruleFor('web', { decide: [{ ...hold, action: 'hold', maxHops: 4 }] });
    const held = decide(rule, sampledAt(NOW, 1.4, 0.6), EMPTY_HISTORY, NOW);
    const ended = decide(rule, sampledAt(NOW + 90, 1.4), held.history, NOW + 90);
    expect([held.class, ended.class]).to.deep.equal(['disk', 'none']);
    const back = NOW + 90 - HOUR;
    const then = decide(rule, sampledAt(back, 4.2), ended.history, back);
    expect(then.class).to.equal('none');
    expect(then.replicas).to.equal(6);
  });

  it('neither lifts the limits on how fast replicas change nor prolongs them', () => {
    const scaleUp = { policies: [{ type: 'Pods' as const, value: 2, periodSeconds: 60 }] };
    const rule = ruleFor('web', { behavior: fillBehavior({ scaleUp }) });
    const { replicas, history } = decide(rule, sampledAt(NOW, 9), EMPTY_HISTORY, NOW);
    expect(replicas).to.equal(4);
    const then = (seconds: number) =>
      decide(rule, sampledAt(NOW - HOUR + seconds, 9, 0, 4), history, NOW - HOUR + seconds).replicas;
    expect(then(0)).to.equal(4);
    const { history: rebased } = decide(rule, sampledAt(NOW - HOUR, 9, 0, 4), history, NOW - HOUR);
    const after = NOW - HOUR + 60;
    expect(decide(rule, sampledAt(after, 9, 0, 4), rebased, after).replicas).to.equal(6);
  });

  it('changes nothing of what is known of requests', () => {
    const quiet = { answered: 40, cost: 0.01, disk: 0.005 };
    const slow = { ...quiet, disk: 0.2 };
    const [steady, stepped] = [0, -HOUR].map((step) => {
      const mesh = new Mesh().add('orders');
      mesh.run(400, { orders: quiet });
      mesh.now += step;
      const { trace, ...decision } = mesh.run(30, { orders: slow })['orders']!;
      const { harmed, cause, latency, signs } = trace.harm!;
      return { class: decision.class, replicas: decision.replicas, harmed, cause, latency, signs };
    });
    expect(steady).to.include({ harmed: true, cause: 'disk', class: 'disk' });
    expect(stepped).to.deep.equal(steady);
  });
});

describe('rebase', () => {
  /** Of a workload whose requests were slow for a lock, then for a lack of CPU, between quiet times. */
  function richHistory(): History {
    const mesh = new Mesh().add('orders', { replicas: 2 }).add('stock');
    const quiet = { answered: 40, cost: 0.01, calls: [{ to: 'stock', wait: 0.01 }] };
    const stock = { answered: 40, cost: 0.005 };
    mesh.run(300, { orders: quiet, stock });
    mesh.run(60, { orders: { ...quiet, lock: 0.2 }, stock });
    const short = { answered: 40, arrived: 80, cost: 0.01, waiting: 8, starved: 0.9, outstanding: 400 };
    mesh.run(60, { orders: { ...short, calls: quiet.calls }, stock });
    const event = { change: 1, at: mesh.now, outdated: false };
    const { usual, watch, memory, ...history } = mesh.history('orders');
    return {
      ...history,
      scaleUps: [event],
      scaleDowns: [event],
      steps: { ...history.steps, '0:disk': { since: mesh.now, lastMatch: mesh.now } },
      usual: usual!,
      watch: { ...watch!, differsSince: NOW, calmSince: NOW, strangersSince: NOW },
      memory: {
        ...memory!,
        capacity: { cores: 1, at: NOW },
        step: { at: NOW, answered: 1, used: 1 },
      },
      fewerPodsSince: NOW,
      unseenSince: NOW,
      replicasLeft: {
        ...{ replicas: 2, generation: 3, template: 't' },
        change: { manager: 'kubectl', from: 3, at: NOW, hold: 600 },
      },
    };
  }

  /** Every number that is a time, by its path. */
  function timesIn(value: unknown, path = ''): Record<string, number> {
    if (typeof value === 'number') return value > TIMES_FROM ? { [path]: value } : {};
    if (typeof value !== 'object' || value === null) return {};
    const entries = Object.entries(value).map(([name, part]) => timesIn(part, `${path}/${name}`));
    return Object.assign({}, ...entries) as Record<string, number>;
  }

  function withTime(value: unknown, [name = '', ...rest]: readonly string[], time: number): unknown {
    const part = (value as Record<string, unknown>)[name];
    const changed = rest.length === 0 ? time : withTime(part, rest, time);
    const copy: Record<string, unknown> = Object.assign(Array.isArray(value) ? [] : {}, value);
    copy[name] = changed;
    return copy;
  }

  it('moves every time of a history, and nothing else', () => {
    const history = richHistory();
    const times = timesIn(history);
    expect(Object.keys(times)).to.include.members([
      '/usual/latency/origin',
      '/usual/peers/shop/Deployment/stock/wait/origin',
      '/watch/harmedSince',
      '/memory/clients/0/at',
    ]);
    const moved = timesIn(rebase(history, -HOUR));
    for (const [path, time] of Object.entries(times)) expect(moved[path], path).to.equal(time - HOUR);
    expect(rebase(rebase(history, -HOUR), HOUR)).to.deep.equal(history);
  });

  it('is done for any time in the future, whichever it is', () => {
    const history = richHistory();
    const times = timesIn(history);
    const now = Math.max(...Object.values(times));
    expect(notAfter(history, now)).to.equal(history);
    // A usual's parts are as old as the usual.
    const paths = Object.keys(times).filter((path) => !path.startsWith('/usual/') || path === '/usual/at');
    expect(paths).to.have.length.above(20);
    for (const path of paths) {
      const ahead = withTime(history, path.split('/').slice(1), now + HOUR) as History;
      expect(Math.max(...Object.values(timesIn(notAfter(ahead, now)))), path).to.equal(now);
    }
  });

  it('keeps what is not there absent', () => {
    expect(rebase(EMPTY_HISTORY, HOUR)).to.deep.equal(EMPTY_HISTORY);
  });
});
