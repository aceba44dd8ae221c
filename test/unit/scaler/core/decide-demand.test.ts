import { expect } from 'chai';
import fc from 'fast-check';
import { EMPTY_HISTORY } from '../../../../scaler/core/round.js';
import { Mesh, type Doing } from './mesh.js';

/** Seconds in which what is usual becomes known. */
const LEARNING = 300;

/** An open load on pods of a limited number of cores: what is beyond these piles up or is given up. */
function open(arrived: number, cost: number, limit: number): (pods: number) => Doing {
  return (pods) => {
    const answered = Math.min(arrived, (pods * limit) / cost);
    const isFull = answered < arrived;
    return {
      arrived,
      answered,
      abandoned: arrived - answered,
      cost,
      starved: isFull ? 1 : 0.2,
      waiting: isFull ? pods * 60 : 0,
    };
  };
}

describe('demand', () => {
  it('orders a surge in one step, whatever waits in the queue', () => {
    const mesh = new Mesh().add('web', { replicas: 2, request: 0.2, limit: 0.2 });
    mesh.run(LEARNING, { web: open(10, 0.02, 0.2) });
    const { web } = mesh.run(10, { web: open(60, 0.02, 0.2) });
    // 60 requests/s × 20 ms = 1.2 cores; 1.2 ÷ (70 % of 0.2) = 8.6
    expect(web!.replicas).to.equal(9);
    expect(web!.trace.demand).to.include({ method: 'law', arrived: 60 });
  });

  it('is not what requests seem to cost in an overload that comes before their usual is known', () => {
    const mesh = new Mesh().add('web', { replicas: 2, request: 0.2, limit: 0.2 });
    mesh.run(60, { web: open(10, 0.02, 0.2) });
    // All of the CPU goes to requests that are not answered yet: 0.4 cores for 4 answers a second.
    const { web } = mesh.run(10, {
      web: { arrived: 60, answered: 4, cost: 0.1, starved: 1, waiting: 1500, outstanding: 2000 },
    });
    expect(web!.replicas).to.be.at.most(10);
  });

  it('needs no second step while the pods ordered start', () => {
    const mesh = new Mesh().add('web', { replicas: 2, request: 0.2, limit: 0.2 });
    mesh.run(LEARNING, { web: open(10, 0.02, 0.2) });
    mesh.run(120, { web: () => ({ ...open(60, 0.02, 0.2)(2), pods: 2 }) });
    expect(mesh.replicas('web')).to.equal(9);
  });

  it('stays what requests were found to cost while the pods ordered start', () => {
    const mesh = new Mesh().add('web', { replicas: 4, request: 0.25, limit: 0.25 });
    mesh.run(LEARNING, { web: open(60, 0.01, 0.25) });
    const dearer = { arrived: 60, answered: 33, cost: 0.03, starved: 1, waiting: 30, pods: 4 };
    const { web: before } = mesh.run(10, { web: dearer });
    const { web: after } = mesh.run(60, { web: dearer });
    expect(before!.trace.demand!.cost!.sized).to.be.within(0.028, 0.031);
    expect(after!.trace.demand!.cost).to.include({ sized: before!.trace.demand!.cost!.sized });
    // Until pods show the usual again.
    const { web: well } = mesh.run(10, { web: open(60, 0.01, 0.25) });
    expect(well!.trace.demand!.cost!.sized).to.be.within(0.0099, 0.0101);
  });

  it('clears what waits at the callers, too', () => {
    const mesh = new Mesh()
      .add('web', { replicas: 2, request: 0.5 })
      .add('stock', { replicas: 4, request: 0.25, limit: 0.25 });
    const calm = { to: 'stock', wait: 0.02 };
    mesh.run(LEARNING, { web: { answered: 60, cost: 0.002, calls: [calm] }, stock: open(60, 0.01, 0.25) });
    const held = { to: 'stock', wait: 2, sent: 33, answered: 33, outstanding: 64 };
    const web = { arrived: 60, answered: 33, cost: 0.002, calls: [held] };
    const stock = { ...open(33, 0.03, 0.25)(4), starved: 1, outstanding: 64 };
    const few = mesh.run(10, { web: { ...web, outstanding: 64 }, stock });
    const many = mesh.run(10, { web: { ...web, outstanding: 1300 }, stock });
    expect(few.stock!.trace.demand!.backlog).to.equal(undefined);
    // At most 15 % of the load.
    const { load, cost, backlog } = many.stock!.trace.demand!;
    expect(backlog).to.be.closeTo(0.15 * load! * cost!.sized, 1e-9);
  });

  it('is what clients would ask for that wait for their answers, as soon as these are slowed', () => {
    const mesh = new Mesh().add('web', { replicas: 2, request: 0.2, limit: 0.2 });
    const users = (answered: number, starved: number, latency: number): Doing => ({
      answered,
      cost: 0.02,
      starved,
      latency,
      thought: { requests: answered, seconds: answered },
    });
    mesh.run(LEARNING, { web: users(10, 0.3, 0.05) });
    const { web } = mesh.run(50, { web: users(20, 0.72, 2) });
    // 60 users: 40 wait and 20 think for a second each; ÷ 1.05 s = 57 requests/s × 20 ms.
    expect(web!.trace.demand).to.include({ method: 'clients' });
    expect(web!.trace.demand!.cores).to.be.closeTo((60 / 1.05) * 0.02, 0.02);
  });

  it('is what requests cost, with what each pod uses beside them', () => {
    const beside =
      (load: number) =>
      (pods: number): Doing => ({ answered: load, cost: 0.01, beside: pods * 0.05 });
    const mesh = new Mesh().add('web', { replicas: 4, request: 0.5 });
    for (const load of [20, 60, 40, 80]) mesh.run(100, { web: beside(load) });
    const { web } = mesh.run(10, { web: beside(200) });
    // 200 × 10 ms = 2 cores; each pod has 0.35 − 0.05 for it: 6.7
    expect(web!.replicas).to.be.within(6, 7);
  });

  it('follows the requests down as well as up', () => {
    const mesh = new Mesh().add('web', { replicas: 10, request: 0.2 });
    mesh.run(LEARNING, { web: open(60, 0.02, 0.2) });
    mesh.run(900, { web: open(6, 0.02, 0.2) });
    expect(mesh.replicas('web')).to.equal(1);
  });

  it('takes one bounded step at a time where only saturation shows', () => {
    const mesh = new Mesh().add('worker', {
      replicas: 4,
      request: 0.2,
      limit: 0.2,
      target: { signal: 'cpu', averageUtilization: 100 },
    });
    const busy = (pods: number): Doing => ({ answered: 0, cost: 0, beside: pods * 0.2, starved: 1 });
    const { worker } = mesh.run(10, { worker: busy });
    expect(worker!.replicas).to.equal(6);
    expect(worker!.trace.demand!.method).to.equal('step');
  });

  it('takes no second step after one that has not helped', () => {
    const mesh = new Mesh().add('worker', { replicas: 4, request: 0.2, limit: 0.2 });
    mesh.run(300, { worker: { answered: 0, cost: 0, beside: 0.3, starved: 1 } });
    expect(mesh.replicas('worker')).to.equal(6);
  });

  it('never orders more than a quarter over the need, nor less than it, for any open surge', () => {
    fc.assert(
      fc.property(
        fc.record({
          before: fc.integer({ min: 5, max: 200 }),
          factor: fc.double({ min: 1.5, max: 10, noNaN: true }),
          cost: fc.double({ min: 0.001, max: 0.05, noNaN: true }),
          limit: fc.constantFrom(1, 2, 4),
        }),
        ({ before, factor, cost, limit }) => {
          const request = 0.25;
          const start = Math.ceil((before * cost) / (0.7 * request));
          const mesh = new Mesh().add('web', {
            replicas: start,
            request,
            limit: request * limit,
            maxReplicas: 1000,
          });
          mesh.run(LEARNING, { web: open(before, cost, request * limit) });
          const { web } = mesh.run(10, { web: open(before * factor, cost, request * limit) });
          const need = (before * factor * cost) / (0.7 * request);
          expect(web!.replicas).to.be.within(Math.floor(need / 1.1), Math.ceil(need * 1.15) + 1);
        },
      ),
    );
  });

  it('is plain JSON between rounds', () => {
    const mesh = new Mesh().add('web', {});
    mesh.run(LEARNING, { web: open(10, 0.02, 0.2) });
    const history = mesh.history('web');
    expect(JSON.parse(JSON.stringify(history))).to.deep.equal(history);
    expect(history).to.include.keys(Object.keys(EMPTY_HISTORY));
  });
});
