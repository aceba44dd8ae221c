import { expect } from 'chai';
import { scenarioOf } from '../../scaler/simulate/scenario-schema.js';
import type { Scenario } from '../../scaler/simulate/scenario.js';
import { DAY, FAULTS, scenarioOfGraph } from './graphs.js';
import { readScenario, scenarioNames } from './scenarios.js';
import { needsOf, truthOf } from './truth.js';

/** Two services; one request to `a` makes half a call to `b`. */
function scenario(client: object, faults: readonly object[] = []): Scenario {
  const value = {
    name: 'test',
    length: '3m',
    services: [
      {
        name: 'a',
        request: '200m',
        limit: '2x',
        work: { cpu: '10ms' },
        calls: [{ to: 'b', probability: 0.5 }],
      },
      { name: 'b', request: '100m', work: { cpu: '14ms' }, background: [{ every: '1s', cpu: '20ms' }] },
    ],
    clients: [{ to: 'a', ...client }],
    faults,
  };
  return scenarioOf(value, () => '');
}

function needs(of: Scenario, service: string, ...at: number[]): number[] {
  return at.map((second) => Number(needsOf(of).get(service)![second]!.toFixed(2)));
}

describe('needs', () => {
  it('follow the load, down the calls', () => {
    const steps = scenario({ load: '28 140@1m' });
    expect(needs(steps, 'a', 0, 59, 60)).to.deep.equal([2, 2, 10]);
    // 0.05 cores of the 0.07 that a pod may use are left for requests.
    expect(needs(steps, 'b', 0, 60)).to.deep.equal([3.92, 19.6]);
  });

  it('are at least one pod', () => {
    expect(needs(scenario({ load: '1' }), 'a', 0)).to.deep.equal([1]);
  });

  it('count what users would ask for if they were served at once', () => {
    // 58 ms of latency: 1.5 × 10 ms ÷ 0.4 cores, and half of 1.5 × 14 ms.
    const users = scenario({ kind: 'closed', load: '104.8', think: '1s' });
    expect(needs(users, 'a', 0)).to.deep.equal([Number((((104.8 / 1.048) * 0.01) / 0.14).toFixed(2))]);
  });

  it('change with what a fault does to the CPU, and with nothing else', () => {
    const during = (fault: object): number[] =>
      needs(scenario({ load: '28' }, [{ at: '1m', for: '1m', ...fault }]), 'a', 59, 60, 120);
    expect(during({ kind: 'cpu', service: 'a', factor: 3 })).to.deep.equal([2, 6, 2]);
    expect(during({ kind: 'cpuShare', service: 'a', share: 0.5 })).to.deep.equal([2, 4, 2]);
    expect(during({ kind: 'hang', to: 'b' })).to.deep.equal([2, 2, 2]);
  });
});

describe('scenarios', () => {
  for (const name of scenarioNames()) {
    it(`${name} states its truth`, () => {
      const read = readScenario(name, 1);
      const { bottleneck, from, may } = truthOf(read);
      const services = read.services.map((service) => service.name);
      expect(read.name).to.equal(name);
      expect(from).to.be.lessThan(read.length);
      expect(services).to.include.members(Object.keys(may));
      if (bottleneck !== undefined) {
        expect([...services, ...read.outside.map((one) => one.name)]).to.include(bottleneck);
      }
      const start = read.services.map((service) => needsOf(read).get(service.name)![0]! <= service.replicas);
      expect(start, 'enough pods at the start').to.not.include(false);
    });
  }
});

describe('random graphs', () => {
  it('start with what they need, and name what the fault is on', () => {
    for (const fault of FAULTS) {
      for (let seed = 1; seed <= 20; seed++) {
        const graph = scenarioOfGraph(fault, seed);
        expect(graph.services.length).to.be.within(8, 25);
        const needed = needsOf(graph);
        for (const { name, replicas } of graph.services) {
          expect(needed.get(name)![DAY - 1], `${graph.name} ${name}`).to.be.at.most(replicas + 1e-6);
        }
        const [only] = graph.faults;
        const on = 'service' in only! ? only.service : 'to' in only! ? only.to : undefined;
        expect(truthOf(graph).bottleneck).to.equal(on);
      }
    }
  });

  it('are the same for the same seed', () => {
    expect(scenarioOfGraph('disk', 7)).to.deep.equal(scenarioOfGraph('disk', 7));
  });
});
