import { expect } from 'chai';
import { Mesh, type Doing } from './mesh.js';

const LEARNING = 300;
const DATABASE = '10.1.0.9:5432';

/** gateway → orders → a database outside: 20 requests/s, 40 ms of which 30 are the database's. */
const gateway: Doing = { answered: 20, cost: 0.005, calls: [{ to: 'orders', wait: 0.035 }] };
const orders: Doing = { answered: 20, cost: 0.005, calls: [{ to: DATABASE, wait: 0.03 }] };

function shop(): Mesh {
  return new Mesh().add('gateway', { replicas: 6 }).add('orders', { replicas: 6 });
}

describe('harm', () => {
  it('is not to wait for a database as always: both shrink to what they need', () => {
    const mesh = shop();
    const { gateway: last } = mesh.run(1800, { gateway, orders });
    // The 0.8 busy threads of the gateway are too many for the only thread that a pod may have.
    expect(mesh.replicas('gateway')).to.equal(2);
    expect(mesh.replicas('orders')).to.equal(1);
    expect(last!.trace.harm).to.include({ harmed: false });
  });

  it('leads from every waiter to the database that is slower than usual, and scales none of them', () => {
    const mesh = shop();
    mesh.run(LEARNING, { gateway, orders });
    const slow = 0.6;
    const before = [mesh.replicas('gateway'), mesh.replicas('orders')];
    const decisions = mesh.run(60, {
      gateway: { ...gateway, calls: [{ to: 'orders', wait: slow + 0.005 }] },
      orders: { ...orders, calls: [{ to: DATABASE, wait: slow }] },
    });
    for (const name of ['gateway', 'orders']) {
      const { class: found, action, trace } = decisions[name]!;
      expect({ found, action }).to.deep.equal({ found: 'dependency', action: 'follow' });
      expect(trace.walk!.bottleneck).to.include({ peer: DATABASE, class: 'external' });
    }
    expect([mesh.replicas('gateway'), mesh.replicas('orders')]).to.deep.equal(before);
  });

  it('needs its rounds to begin and to end', () => {
    const mesh = shop();
    mesh.run(LEARNING, { gateway, orders });
    const slow = { orders: { ...orders, calls: [{ to: DATABASE, wait: 0.6 }] }, gateway };
    expect(mesh.run(10, slow)['orders']!.trace.harm!.harmed).to.equal(false);
    expect(mesh.run(10, slow)['orders']!.trace.harm!.harmed).to.equal(true);
    expect(mesh.run(10, { gateway, orders })['orders']!.trace.harm!.harmed).to.equal(true);
    expect(mesh.run(10, { gateway, orders })['orders']!.trace.harm!.harmed).to.equal(false);
  });

  it('by a disk holds, and by a log flusher beside idle workers does not exist', () => {
    const mesh = new Mesh().add('web', { replicas: 4 });
    const web: Doing = { answered: 20, cost: 0.01, disk: 0.005 };
    mesh.run(LEARNING, { web });
    const { web: held } = mesh.run(60, { web: { ...web, disk: 0.5 } });
    expect(held).to.include({ class: 'disk', action: 'hold', replicas: 4 });
  });

  it('is to fail fast, not to take less CPU while answers take longer', () => {
    const web: Doing = { answered: 20, cost: 0.01, latency: 0.05 };
    const after = (changed: Partial<Doing>) => {
      const mesh = new Mesh().add('web', { replicas: 4 });
      mesh.run(LEARNING, { web });
      return mesh.run(20, { web: { ...web, cost: 0.003, ...changed } })['web']!.trace.harm!;
    };
    expect(after({ latency: 0.01 })).to.deep.include({
      harmed: true,
      signs: [{ kind: 'collapse', value: 0.3, limit: 0.5 }],
    });
    expect(after({ latency: 0.06 })).to.deep.include({ harmed: false, signs: [] });
  });

  it('names the edge where the peer itself is well', () => {
    const mesh = shop();
    mesh.run(LEARNING, { gateway, orders });
    const { gateway: waiter } = mesh.run(60, {
      gateway: { ...gateway, calls: [{ to: 'orders', wait: 0.5 }] },
      orders,
    });
    expect(waiter!.trace.walk!.bottleneck).to.include({ class: 'edge' });
  });

  it('names a peer that refuses, and one that is silent', () => {
    for (const [call, found] of [
      [{ to: 'orders', wait: 0.035, answered: 0, failed: 20, outstanding: 0 }, 'refuses'],
      [{ to: DATABASE, wait: 0.03, answered: 0, outstanding: 100 }, 'external'],
    ] as const) {
      const mesh = shop();
      mesh.run(LEARNING, {
        gateway: { ...gateway, calls: [{ ...call, answered: 20, failed: 0, outstanding: 0.6 }] },
        orders,
      });
      const stalled = {
        ...gateway,
        answered: 0,
        arrived: 20,
        outstanding: 100,
        calls: [{ ...call, sent: 20 }],
      };
      const { gateway: waiter } = mesh.run(30, { gateway: stalled, orders });
      expect(waiter!.trace.walk!.bottleneck!.class).to.equal(found);
    }
  });

  it('of a caller that only fails fast is blamed on what refuses far below it', () => {
    const mesh = new Mesh();
    for (const name of ['gateway', 'orders', 'stock']) mesh.add(name, { replicas: 2 });
    const usual = (to: string): Doing => ({ answered: 20, cost: 0.005, calls: [{ to, wait: 0.03 }] });
    mesh.run(LEARNING, { gateway: usual('orders'), orders: usual('stock'), stock: usual(DATABASE) });
    const refused = { to: DATABASE, wait: 0, answered: 0, failed: 20, outstanding: 0 };
    const { gateway: caller } = mesh.run(30, {
      gateway: { answered: 20, cost: 0.002, calls: [{ to: 'orders', wait: 0.005 }] },
      orders: { answered: 20, cost: 0.003, calls: [{ to: 'stock', wait: 0.002 }] }, // too much of 5 ms for a sign
      stock: { answered: 20, cost: 0.001, calls: [refused] },
    });
    expect(caller!.trace.harm!.signs).to.have.length(1);
    expect(caller!.trace.walk!.bottleneck).to.include({ peer: DATABASE, class: 'refuses' });
  });

  it('lets a waiter grow for more requests, by its own CPU alone', () => {
    const mesh = new Mesh()
      .add('gateway', { replicas: 1, request: 0.2 })
      .add('orders', { replicas: 1, request: 0.2 });
    mesh.run(LEARNING, { gateway, orders });
    const slow = 0.6;
    const more = { answered: 60 };
    mesh.run(60, {
      gateway: { ...gateway, ...more, calls: [{ to: 'orders', wait: slow + 0.005 }] },
      orders: { ...orders, ...more, calls: [{ to: DATABASE, wait: slow }] },
    });
    // 60 requests/s × 5 ms = 0.3 cores; ÷ (70 % of 0.2) = 2.1
    expect(mesh.replicas('gateway')).to.equal(3);
  });

  it('by a lock in each pod takes one step, and no other unless more is answered', () => {
    const mesh = new Mesh().add('web', { replicas: 4, request: 1 });
    mesh.run(LEARNING, { web: { answered: 40, cost: 0.002, lock: 0.01 } });
    const locked = { answered: 40, arrived: 60, cost: 0.002, lock: 2, latency: 2.5 };
    mesh.run(60, { web: locked });
    // 60 requests/s ÷ (70 % of 10 that a pod answers) = 8.6, at most double
    expect(mesh.replicas('web')).to.equal(8);
    mesh.run(300, { web: locked });
    expect(mesh.replicas('web')).to.equal(8);
  });

  it('by a lock that the step has relieved takes no other while the rest of the queue is worked off', () => {
    const mesh = new Mesh().add('web', { replicas: 4, request: 1 });
    mesh.run(LEARNING, { web: { answered: 40, cost: 0.002, lock: 0.01 } });
    mesh.run(60, { web: { answered: 40, arrived: 50, cost: 0.002, lock: 2, latency: 2.5 } });
    // 50 requests/s ÷ (70 % of 10 that a pod answered) = 7.1
    expect(mesh.replicas('web')).to.equal(8);
    mesh.run(60, { web: { answered: 50, arrived: 50, cost: 0.002, lock: 1, latency: 1.5 } });
    expect(mesh.replicas('web')).to.equal(8);
  });

  it('of one workload protects what it calls, and its callers, from shrinking', () => {
    const mesh = shop();
    mesh.run(LEARNING, { gateway, orders });
    const before = mesh.replicas('gateway');
    const stuck = {
      ...orders,
      answered: 0,
      arrived: 20,
      outstanding: 200,
      calls: [{ to: DATABASE, wait: 0.03, sent: 20, answered: 0, outstanding: 200 }],
    };
    const { gateway: caller } = mesh.run(900, { gateway, orders: stuck });
    expect(mesh.replicas('gateway')).to.equal(before);
    expect(caller!.trace.noScaleDown.join()).to.contain('shop/orders');
  });
});

describe('flow', () => {
  it('sizes a whole chain by a step at its entry, each by its own demand', () => {
    const names = ['a', 'b', 'c', 'd', 'e'];
    const mesh = new Mesh();
    for (const name of names) mesh.add(name, { replicas: 2, request: 0.2 });
    const at = (load: number, seen: number): Record<string, Doing> =>
      Object.fromEntries(
        names.map((name, index) => [
          name,
          {
            answered: index === 0 ? load : seen,
            cost: 0.004 * (index + 1),
            calls: index < 4 ? [{ to: names[index + 1]!, wait: 0.02, sent: seen }] : [],
          },
        ]),
      );
    mesh.run(LEARNING, at(10, 10));
    mesh.run(10, at(30, 10));
    // 30 × 4 ms × n ÷ 0.14
    expect(names.map((name) => mesh.replicas(name))).to.deep.equal(
      [1, 2, 3, 4, 5].map((n) => Math.max(2, Math.ceil((30 * 0.004 * n) / 0.14))),
    );
  });

  it('counts the requests of a new caller once', () => {
    const mesh = new Mesh().add('cpu', { replicas: 2, request: 0.2 }).add('chain', {});
    const cpu: Doing = { answered: 40, cost: 0.005 };
    mesh.run(LEARNING, { cpu });
    const chain: Doing = { answered: 60, cost: 0.0003, calls: [{ to: 'cpu', wait: 0.005 }] };
    mesh.run(LEARNING, { cpu: { ...cpu, answered: 100 }, chain });
    // 100 requests/s × 5 ms = 0.5 cores; ÷ (70 % of 0.2) = 3.6
    expect(mesh.replicas('cpu')).to.equal(4);
  });

  it('keeps what is below an outage in the middle as it was', () => {
    const mesh = new Mesh()
      .add('a', { replicas: 4 })
      .add('b', { replicas: 4 })
      .add('c', { replicas: 4, request: 0.2 });
    const a: Doing = { answered: 100, cost: 0.002, calls: [{ to: 'b', wait: 0.02 }] };
    const b: Doing = { answered: 100, cost: 0.002, calls: [{ to: 'c', wait: 0.01 }] };
    const c: Doing = { answered: 100, cost: 0.005 };
    mesh.run(LEARNING, { a, b, c });
    const before = mesh.replicas('c');
    mesh.run(900, {
      a,
      b: { ...b, cost: 0.0002, calls: [{ to: 'c', wait: 0.01, sent: 0 }] },
      c: { ...c, answered: 0 },
    });
    expect(mesh.replicas('c')).to.equal(before);
  });
});
