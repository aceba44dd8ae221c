import { expect } from 'chai';
import { Counters, ONCPU, RUNQUEUE, STARVED, THROTTLED } from '../../../../scaler/simulate/counters.js';
import { Events } from '../../../../scaler/simulate/events.js';
import { PodCpu } from '../../../../scaler/simulate/pod-cpu.js';

interface Bench {
  readonly cpu: PodCpu;
  readonly events: Events;
  readonly ends: number[];
  readonly start: (amount: number) => void;
  readonly counted: () => Record<'oncpu' | 'runqueue' | 'throttled' | 'starved', number>;
}

function bench(quota: number, cores = 8): Bench {
  const events = new Events();
  const counters = new Counters(64);
  const cpu = new PodCpu(events, counters, quota, Infinity, cores, 0.1);
  const ends: number[] = [];
  return {
    cpu,
    events,
    ends,
    start: (amount) => {
      const job = { finish: 0, serving: true, computed: (now: number) => ends.push(round(now)) };
      cpu.start(job, amount, events.now);
    },
    counted: () => {
      cpu.settle(events.now);
      const at = (counter: number): number => round(counters.at(counter, events.now));
      return { oncpu: at(ONCPU), runqueue: at(RUNQUEUE), throttled: at(THROTTLED), starved: at(STARVED) };
    },
  };
}

function round(seconds: number): number {
  return Number(seconds.toFixed(6));
}

describe('the CPU of a simulated pod', () => {
  it('runs its threads side by side without a quota', () => {
    const { start, events, ends, counted } = bench(Infinity);
    for (let index = 0; index < 4; index++) start(0.3);
    events.run(1);
    expect(ends).to.deep.equal([0.3, 0.3, 0.3, 0.3]);
    expect(counted()).to.deep.equal({ oncpu: 1.2, runqueue: 0, throttled: 0, starved: 0 });
  });

  it('throttles all threads once the quota of a period is used up', () => {
    const { start, events, ends, counted } = bench(0.2);
    // Two threads use 20 ms in 10 ms, and wait for 90 ms: four times, then half of the quota ends them.
    start(0.045);
    start(0.045);
    events.run(1);
    expect(ends).to.deep.equal([0.405, 0.405]);
    expect(counted()).to.deep.equal({ oncpu: 0.09, runqueue: 0, throttled: 0.72, starved: 0.36 });
  });

  it('does not throttle what stays under its quota, and refills it each period', () => {
    const { start, events, ends, counted } = bench(0.5);
    for (let second = 0; second < 5; second++) {
      events.run(second * 0.1 + 0.03);
      start(0.05);
    }
    events.run(1);
    expect(ends).to.deep.equal([0.08, 0.18, 0.28, 0.38, 0.48]);
    expect(counted()).to.deep.equal({ oncpu: 0.25, runqueue: 0, throttled: 0, starved: 0 });
  });

  it('gives exactly its quota to a pod that wants more', () => {
    const { start, events, counted } = bench(0.3);
    for (let index = 0; index < 5; index++) start(100);
    events.run(60);
    const { oncpu, throttled, runqueue, starved } = counted();
    expect(oncpu).to.be.closeTo(18, 1e-6);
    expect(oncpu + throttled + runqueue).to.be.closeTo(5 * 60, 1e-6);
    expect(starved).to.be.closeTo(60 - 18 / 5, 1e-6);
  });

  it('shares what its node grants', () => {
    const { cpu, start, events, ends, counted } = bench(Infinity, 1);
    start(0.1);
    start(0.2);
    events.run(0.1);
    cpu.grant(0.5, events.now);
    events.run(1);
    // Both get 50 ms in 100 ms; then 50 ms each at a quarter of a core, and the last 100 ms at half a core.
    expect(ends).to.deep.equal([0.3, 0.5]);
    expect(counted()).to.deep.equal({ oncpu: 0.3, runqueue: 0.5, throttled: 0, starved: 0.5 });
  });
});
