import { STATES, type State } from 'bpf-linker-napi';
import { expect } from 'chai';
import { Busiest } from '../../../../exporter/series/busiest.js';
import type { ContainerSeries } from '../../../../exporter/series/counters.js';
import { counters, identity, none } from '../fixtures.js';

function container(workload: string, pod: string, seconds: Partial<Record<State, number>>): ContainerSeries {
  return {
    identity: identity({ workload, pod }),
    counters: counters(1, { stateSeconds: none(STATES, seconds) }),
    live: true,
  };
}

describe('the busiest workloads', () => {
  it('are told by the time in each state between two scrapes, summed over their pods', () => {
    const busiest = new Busiest();
    busiest.observe(
      [container('web', 'a', { oncpu: 100, disk: 5 }), container('web', 'b', { oncpu: 50 })],
      10,
    );
    expect([...busiest.top(5)]).to.deep.equal([]);
    const later = [
      container('web', 'a', { oncpu: 105, disk: 5 }),
      container('web', 'b', { oncpu: 60 }),
      container('web', 'new', { oncpu: 1000 }),
    ];
    busiest.observe(later, 20);
    expect([...busiest.top(5)]).to.deep.equal([['oncpu', [{ name: 'shop/web', threads: 1.5 }]]]);
  });

  it('are the first few of each state, the busiest first', () => {
    const busiest = new Busiest();
    const at = (time: number) =>
      ['a', 'b', 'c'].map((name, i) => container(name, 'p', { lock: (i + 1) * time }));
    busiest.observe(at(0), 0);
    busiest.observe(at(10), 10);
    expect([...busiest.top(2)]).to.deep.equal([
      [
        'lock',
        [
          { name: 'shop/c', threads: 3 },
          { name: 'shop/b', threads: 2 },
        ],
      ],
    ]);
  });

  it('are not told from scrapes at nearly one time, nor from a container that was started over', () => {
    const busiest = new Busiest();
    busiest.observe([container('web', 'a', { oncpu: 10 })], 0);
    busiest.observe([container('web', 'a', { oncpu: 11 })], 0.2);
    expect([...busiest.top(5)]).to.deep.equal([]);
    busiest.observe([container('web', 'a', { oncpu: 12 })], 10);
    expect([...busiest.top(5)]).to.deep.equal([['oncpu', [{ name: 'shop/web', threads: 0.2 }]]]);
    busiest.observe([container('web', 'a', { oncpu: 1 })], 20);
    expect([...busiest.top(5)]).to.deep.equal([]);
  });
});
