import { existsSync, mkdirSync, readFileSync, rmdirSync, statSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { openProbes, type CgroupEvents, type Probes } from 'bpf-linker-napi';
import { expect } from 'chai';
import { pino } from 'pino';
import { eventually } from '../eventually.js';
import { CgroupTree } from '../../exporter/cgroups/tree.js';
import { parseHostPath } from '../../exporter/host/path.js';

import { ExporterProcess } from './exporter-process.js';
import { requireKernel, Sandbox } from './harness.js';
import { cgroupRoot } from './mounts.js';

describe('cgroup events', function () {
  this.timeout(90_000);
  let sandbox: Sandbox;
  let probes: Probes;
  let made: string[];

  before(function () {
    requireKernel(() => {
      this.skip();
    });
  });
  beforeEach(() => {
    sandbox = new Sandbox();
    made = [];
    probes = openProbes({ cgroupRoot: cgroupRoot(), probes: ['sampling'], cgroupEvents: true });
  });
  afterEach(async () => {
    probes.close();
    for (const one of made.reverse()) if (existsSync(one)) rmdirSync(one);
    await sandbox.dispose();
  });

  function make(name: string, below = sandbox.root): string {
    const directory = path.join(below, name);
    mkdirSync(directory);
    made.push(directory);
    return directory;
  }
  const inode = (directory: string) => statSync(directory, { bigint: true }).ino;

  /** Collects the events from now on. */
  function listen(source = probes) {
    const received = { events: [] as CgroupEvents['events'][number][], lost: 0 };
    source.followCgroups(({ events, lost }) => {
      received.events.push(...events);
      received.lost += lost;
    });
    return received;
  }

  it('are reported from the opening on, with their parents, for cgroup2 alone', async () => {
    const before = make('before');
    const id = inode(before);
    const parentId = inode(sandbox.root);
    const name = `kernscale-test-${process.pid}-v1`;
    const { events } = listen();
    const v1 = versionOne();
    if (v1 !== undefined) make(name, v1);
    rmdirSync(before);
    await eventually('both events', () => events.filter(({ cgroupId }) => cgroupId === id).length === 2);
    expect(events.filter(({ cgroupId }) => cgroupId === id)).to.deep.equal([
      { kind: 'created', cgroupId: id, parentId, name: 'before' },
      { kind: 'removed', cgroupId: id, parentId, name: 'before' },
    ]);
    expect(events.filter((event) => event.name === name)).to.deep.equal([]);
  });

  it('hold names of full length', async () => {
    const { events } = listen();
    const name = 'x'.repeat(255);
    make(name);
    await eventually('the event', () => events.some((event) => event.name === name));
  });

  it('go to the last listener, and stop once the probes are closed', async () => {
    const first = listen();
    const second = listen();
    const id = inode(make('one'));
    await eventually('the event', () => second.events.some(({ cgroupId }) => cgroupId === id));
    expect(first.events).to.deep.equal([]);
    probes.close();
    const { length } = second.events;
    const other = openProbes({ cgroupRoot: cgroupRoot(), probes: ['sampling'], cgroupEvents: true });
    try {
      const later = listen(other);
      const next = inode(make('two'));
      await eventually('other probes report it', () =>
        later.events.some(({ cgroupId }) => cgroupId === next),
      );
      expect(second.events.length).to.equal(length);
    } finally {
      other.close();
    }
  });

  it('are counted when the buffer is full', async () => {
    const received = listen();
    const cgroups = 300;
    // No event is fetched before this loop yields the thread.
    for (let i = 0; i < cgroups; i++) rmdirSync(make(`fast${i}`));
    await eventually('the lost events are reported', () => received.lost > 0);
    const ours = received.events.filter(({ name }) => name.startsWith('fast')).length;
    expect(ours).to.be.within(200, 2 * cgroups - 1);
    expect(ours + received.lost).to.be.at.least(2 * cgroups);
    expect(probes.read().drops.events_full).to.equal(received.lost);
  });

  describe('in the cgroup tree', () => {
    let tree: CgroupTree;
    afterEach(() => {
      tree.close();
    });
    const open = (mountPoint = cgroupRoot()) => {
      tree = new CgroupTree(mountPoint, parseHostPath, probes, pino({ level: 'silent' }), () => undefined);
    };

    it('add a cgroup within 100 ms, also below a root of its own', async () => {
      open(sandbox.root);
      const waits: number[] = [];
      for (let i = 0; i < 9; i++) {
        const id = inode(make(`quick-${i}.service`, make(`quick-${i}.slice`)));
        const start = performance.now();
        await eventually('the tree contains it', () => tree.containers.has(id), 2000);
        waits.push(performance.now() - start);
        await sleep(20 * i);
      }
      // The median of nine: another process may delay one of them.
      expect(waits.sort((a, b) => a - b)[4], waits.join()).to.be.lessThan(100);
    });

    it('add every cgroup even if events are lost', async () => {
      open();
      const count = 400;
      const ids = Array.from({ length: count }, (_, i) => inode(make(`many-${i}.service`)));
      await eventually('the tree contains all', () => ids.every((id) => tree.containers.has(id)));
      expect(probes.read().drops.events_full).to.be.greaterThan(0);
      for (const one of made.splice(0).reverse()) rmdirSync(one);
      await eventually('the tree contains none', () => !ids.some((id) => tree.containers.has(id)));
    });
  });

  it('reach an exporter without capabilities whose mount shows a part of the hierarchy', async () => {
    const node = make('node');
    const inside = `echo $$ > ${node}/cgroup.procs; exec unshare --cgroup --mount sh -c '
      mount -t cgroup2 none /mnt; exec "$@" --path.cgroupfs /mnt' sh "$0" "$@"`;
    const exporter = new ExporterProcess(['--source', 'host'], ['sh', '-c', inside]);
    try {
      const url = await exporter.url();
      make('inner.service', node);
      const series = /^kernscale_state_seconds_total\{.*pod="inner.service"/m;
      const text = async () => (await fetch(`${url}/metrics`)).text();
      await eventually('the unit is exported', async () => series.test(await text()), 2000);
    } finally {
      await exporter.stop('SIGTERM');
    }
  });
});

/** Mount point of a named cgroup v1 hierarchy, if there is one. */
function versionOne(): string | undefined {
  const mounts = readFileSync('/proc/mounts', 'utf8').split('\n');
  return mounts.find((line) => line.split(' ')[2] === 'cgroup' && line.includes('name='))?.split(' ')[1];
}
