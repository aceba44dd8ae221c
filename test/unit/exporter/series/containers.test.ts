import { expect } from 'chai';
import fc from 'fast-check';
import type { MeasuredCgroup } from '../../../../exporter/cgroups/path.js';
import { ContainerTable } from '../../../../exporter/series/containers.js';
import { Starvation } from '../../../../exporter/series/starvation.js';
import { cgroup, HandMadeProbes, identity, podIndex } from '../fixtures.js';

const web = identity();
const WEB = podIndex(['pod-1', 'shop', { aa: web }]);

describe('the container table', () => {
  let probes: HandMadeProbes;
  let table: ContainerTable;

  function setUp(capacity?: number): void {
    probes = new HandMadeProbes(capacity);
    const policy = { ignoreNamespaces: /^(?:kube-system)$/, keepSeconds: 30 };
    table = new ContainerTable(probes, policy, new Starvation('/nowhere', probes));
  }
  beforeEach(() => {
    setUp();
  });

  const observe = (now: number, ...found: [bigint, MeasuredCgroup][]) => {
    table.observe(new Map(found), now);
  };
  const oncpu = (now: number) =>
    Object.fromEntries(
      table
        .series(probes.read(), now)
        .map(({ identity: { pod }, counters }) => [pod, counters.stateSeconds.oncpu]),
    );

  it('measures an unknown container from its first moment, and exports it once it is known', () => {
    observe(0, [1n, cgroup('pod-1', 'aa')]);
    probes.run(1n, 5);
    expect(oncpu(1)).to.deep.equal({});
    expect(table.counts()).to.include({ unknown: 1, exported: 0 });
    table.setPods(WEB, 2);
    expect(oncpu(2)).to.deep.equal({ [web.pod]: 5 });
    expect(table.counts()).to.include({ unknown: 0, exported: 1 });
  });

  it('does not measure ignored namespaces, and frees their slots', () => {
    observe(0, [1n, cgroup('dns', 'd1')]);
    expect(probes.slots.size).to.equal(1);
    table.setPods(podIndex(['dns', 'kube-system', { d1: identity({ namespace: 'kube-system' }) }]), 1);
    observe(2, [1n, cgroup('dns', 'd1')]);
    expect(probes.slots.size).to.equal(0);
    expect(table.counts()).to.include({ ignored: 1, exported: 0 });
    expect(oncpu(3)).to.deep.equal({});
  });

  it('stops tracking a sandbox after a minute, but not a container that the API reports late', () => {
    const both: [bigint, MeasuredCgroup][] = [
      [1n, cgroup('pod-1', 'pause')],
      [2n, cgroup('pod-1', 'aa')],
    ];
    observe(0, ...both);
    table.setPods(WEB, 0);
    observe(59, ...both);
    expect(probes.slots.size).to.equal(2);
    observe(60, ...both);
    observe(61, ...both);
    expect([...probes.slots.keys()]).to.deep.equal([2n]);
    expect(table.counts()).to.include({ exported: 1, ignored: 1 });
    table.setPods(podIndex(['pod-1', 'shop', { aa: web, pause: identity({ container: 'late' }) }]), 62);
    expect(table.counts()).to.include({ exported: 2, ignored: 0 });
  });

  describe('a pod whose containers’ cgroups have no threads', () => {
    const rest = identity({ container: '', isRestOfPod: true });
    const POD: MeasuredCgroup = { podUid: 'pod-1', containerId: '', path: '/pod-1', isPod: true };
    const both: [bigint, MeasuredCgroup][] = [
      [1n, POD],
      [2n, cgroup('pod-1', 'aa')],
    ];
    const known = (isRunning: boolean) =>
      new Map([
        [
          'pod-1',
          {
            namespace: 'shop',
            isRunning,
            containers: new Map([
              ['', rest],
              ['aa', web],
            ]),
          },
        ],
      ]);
    const opaque = (now: number) =>
      Object.fromEntries(
        table.series(probes.read(), now).map((one) => [one.identity.container || 'pod', one.opaque]),
      );

    beforeEach(() => {
      observe(0, ...both);
      table.setPods(known(true), 0);
      probes.run(1n, 3);
    });

    it('is in a sandbox after a minute', () => {
      expect(opaque(59)).to.deep.equal({ pod: undefined, web: undefined });
      expect(opaque(60)).to.deep.equal({ pod: 'sandboxed', web: 'sandboxed' });
    });

    it('is in none if no container runs, or one of them has had a thread', () => {
      table.setPods(known(false), 0);
      expect(opaque(60)).to.deep.equal({ pod: undefined, web: undefined });
      table.setPods(known(true), 60);
      probes.run(2n, 0.1);
      expect(opaque(61)).to.deep.equal({ pod: undefined, web: undefined });
      observe(62, both[0]!);
      observe(63, both[0]!, [3n, cgroup('pod-1', 'aa')]);
      expect(opaque(63).pod, 'between two instances').to.equal(undefined);
    });
  });

  it('does not take a container that was restarted while the API is down for a sandbox', () => {
    observe(0, [2n, cgroup('pod-1', 'aa')]);
    table.setPods(WEB, 0);
    observe(10, [3n, cgroup('pod-1', 'bb')]);
    probes.run(3n, 4);
    observe(3600, [3n, cgroup('pod-1', 'bb')]);
    table.setPods(podIndex(['pod-1', 'shop', { bb: web }]), 3601);
    expect(oncpu(3601)).to.deep.equal({ [web.pod]: 4 });
  });

  it('keeps measuring pods that the API does not report, however long', () => {
    observe(0, [1n, cgroup('pod-1', 'aa')]);
    observe(3600, [1n, cgroup('pod-1', 'aa')]);
    probes.run(1n, 1);
    table.setPods(WEB, 3601);
    expect(oncpu(3601)).to.deep.equal({ [web.pod]: 1 });
  });

  it('frees the slot of a terminated container and exports its final values for the configured time', () => {
    observe(0, [1n, cgroup('pod-1', 'aa')]);
    table.setPods(WEB, 0);
    probes.run(1n, 7);
    observe(10);
    expect(table.hasEnded).to.equal(true);
    table.terminate(probes.read(), 10);
    expect(table.hasEnded).to.equal(false);
    expect(probes.slots.size).to.equal(0);
    expect(table.counts()).to.include({ exported: 0, terminated: 1 });
    expect(oncpu(12)).to.deep.equal({ [web.pod]: 7 });
    expect(oncpu(39)).to.deep.equal({ [web.pod]: 7 });
    expect(oncpu(40)).to.deep.equal({});
    expect(table.counts()).to.include({ terminated: 0 });
  });

  it('serves final values at least once, also to a slow scraper', () => {
    observe(0, [1n, cgroup('pod-1', 'aa')]);
    table.setPods(WEB, 0);
    probes.run(1n, 7);
    observe(10);
    table.terminate(probes.read(), 10);
    expect(oncpu(100)).to.deep.equal({ [web.pod]: 7 });
    expect(oncpu(101)).to.deep.equal({});
  });

  it('names a container that ended before the API reported it', () => {
    observe(0, [1n, cgroup('pod-1', 'aa')]);
    probes.run(1n, 0.05);
    observe(1);
    table.terminate(probes.read(), 1);
    expect(oncpu(2)).to.deep.equal({});
    table.setPods(WEB, 3);
    expect(oncpu(4)).to.deep.equal({ [web.pod]: 0.05 });
  });

  describe('what runs in a pod outside of its known containers', () => {
    const REST = identity({ container: '', isRestOfPod: true });
    const POD_1: MeasuredCgroup = { podUid: 'pod-1', containerId: '', isPod: true, path: '/pod-1' };
    const PODS = podIndex(['pod-1', 'shop', { aa: web, '': REST }]);
    const byContainer = (now: number) =>
      table.series(probes.read(), now).map(({ identity: { container }, counters, live }) => {
        return [container, counters.stateSeconds.oncpu, live];
      });

    it('is the time of the pod’s own cgroup', () => {
      observe(0, [1n, POD_1], [2n, cgroup('pod-1', 'aa')]);
      table.setPods(PODS, 0);
      probes.run(1n, 0.05);
      probes.run(2n, 3);
      expect(byContainer(1)).to.deep.equal([
        ['', 0.05, true],
        ['web', 3, true],
      ]);
      expect(table.counts()).to.include({ exported: 1, unknown: 0 });
      observe(2);
      expect(byContainer(3)).to.have.length(2);
      expect(byContainer(34)).to.have.length(0);
    });

    it('includes containers that came and went without the API reporting them', () => {
      table.setPods(PODS, 0);
      observe(0, [1n, POD_1], [2n, cgroup('pod-1', 'short')]);
      probes.run(2n, 0.04);
      observe(1, [1n, POD_1]);
      table.terminate(probes.read(), 1);
      expect(byContainer(2), 'the API may still report it').to.deep.equal([['', 0, true]]);
      expect(byContainer(12)).to.deep.equal([['', 0.04, true]]);
      expect(byContainer(500), 'for as long as the pod lives').to.deep.equal([['', 0.04, true]]);
    });

    it('is not measured in ignored namespaces', () => {
      observe(0, [1n, POD_1]);
      table.setPods(podIndex(['pod-1', 'kube-system', { '': identity({ namespace: 'kube-system' }) }]), 0);
      expect(probes.slots.size).to.equal(0);
    });

    it('does not make a container that was restarted while the API is down a sandbox', () => {
      table.setPods(PODS, 0);
      observe(0, [1n, POD_1], [2n, cgroup('pod-1', 'new')]);
      observe(100, [1n, POD_1], [2n, cgroup('pod-1', 'new')]);
      expect(probes.slots.has(2n)).to.equal(true);
    });
  });

  it('does not keep terminated containers without scrapes', () => {
    table.setPods(WEB, 0);
    observe(0, [1n, cgroup('pod-1', 'aa')]);
    observe(1);
    table.terminate(probes.read(), 1);
    expect(table.counts()).to.include({ terminated: 1 });
    table.terminate(probes.read(), 700);
    expect(table.counts()).to.include({ terminated: 0 });
  });

  it('continues the series of a restarted container for as long as it lives', () => {
    observe(0, [1n, cgroup('pod-1', 'aa')]);
    table.setPods(WEB, 0);
    probes.run(1n, 7);
    observe(10, [2n, cgroup('pod-1', 'bb')]);
    table.setPods(podIndex(['pod-1', 'shop', { aa: web, bb: identity({ containerId: 'x://bb' }) }]), 11);
    probes.run(2n, 1);
    expect(oncpu(12)).to.deep.equal({ [web.pod]: 8 });
    probes.run(2n, 1);
    expect(oncpu(5000)).to.deep.equal({ [web.pod]: 9 });
    expect(table.series(probes.read(), 5001)[0]?.identity.containerId).to.equal('x://bb');
    observe(5002);
    expect(oncpu(5003)).to.deep.equal({ [web.pod]: 9 });
    expect(oncpu(5050)).to.deep.equal({});
  });

  it('keeps the name of a pod that is deleted from the API before its container ends', () => {
    observe(0, [1n, cgroup('pod-1', 'aa')]);
    table.setPods(WEB, 0);
    table.setPods(new Map(), 1);
    probes.run(1n, 3);
    expect(oncpu(2)).to.deep.equal({ [web.pod]: 3 });
  });

  it('folds what finds no slot, and measures it when one is free', () => {
    setUp(1);
    table.setPods(
      podIndex(['a', 's', { a: identity({ pod: 'a' }) }], ['b', 's', { b: identity({ pod: 'b' }) }]),
      0,
    );
    observe(0, [1n, cgroup('a', 'a')], [2n, cgroup('b', 'b')]);
    expect(table.counts()).to.include({ exported: 1, folded: 1 });
    expect(oncpu(1)).to.deep.equal({ a: 0 });
    observe(2, [2n, cgroup('b', 'b')]);
    table.terminate(probes.read(), 2);
    observe(3, [2n, cgroup('b', 'b')]);
    expect(table.counts()).to.include({ exported: 1, folded: 0 });
  });

  it('never decreases a counter or loses a slot, whatever comes and goes', () => {
    const step = fc.record({
      live: fc.uniqueArray(fc.integer({ min: 1, max: 6 })),
      runs: fc.array(fc.tuple(fc.integer({ min: 1, max: 6 }), fc.integer({ min: 1, max: 9 }))),
      seconds: fc.integer({ min: 0, max: 20 }),
      scrape: fc.boolean(),
    });
    // Cgroups 1 to 3 are instances of one container, 4 to 6 containers of their own.
    const keyOf = (id: number) => (id <= 3 ? 'same' : `own-${id}`);
    const pods = podIndex(
      ...[1, 2, 3, 4, 5, 6].map((id): [string, string, Record<string, typeof web>] => [
        `p${id}`,
        's',
        { [`c${id}`]: identity({ pod: keyOf(id) }) },
      ]),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
        setUp();
        table.setPods(pods, 0);
        let now = 0;
        let generation = 0n;
        let previous: Record<string, number> = {};
        const ids = new Map<number, bigint>();
        for (const { live, runs, seconds, scrape } of steps) {
          now += seconds;
          for (const id of ids.keys()) if (!live.includes(id)) ids.delete(id);
          for (const id of live) if (!ids.has(id)) ids.set(id, ++generation);
          observe(
            now,
            ...[...ids].map(([id, inode]): [bigint, MeasuredCgroup] => [inode, cgroup(`p${id}`, `c${id}`)]),
          );
          for (const [id, amount] of runs) if (ids.has(id)) probes.run(ids.get(id)!, amount);
          if (!scrape) continue;
          const served = oncpu(now);
          for (const [key, value] of Object.entries(served)) expect(value).to.be.at.least(previous[key] ?? 0);
          for (const id of live) expect(served).to.have.property(keyOf(id));
          expect(probes.slots.size).to.equal(live.length);
          previous = served;
        }
      }),
    );
  });
});
