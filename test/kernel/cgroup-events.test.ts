import { existsSync, mkdirSync, readFileSync, rmdirSync, statSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { openProbes, type CgroupEvents, type Probes } from 'bpf-linker-napi';
import { expect } from 'chai';
import { pino } from 'pino';
import { CgroupTree } from '../../exporter/cgroups/tree.js';
import { parseHostPath } from '../../exporter/host/path.js';
import { eventually } from '../unit/loopback-api.js';
import { ExporterProcess } from './exporter-process.js';
import { cgroupRoot, requireKernel, Sandbox } from './harness.js';

describe('cgroups that come and go', function () {
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

  /** All that is told from now on. */
  function listen() {
    const heard = { events: [] as CgroupEvents['events'][number][], lost: 0 };
    probes.followCgroups(({ events, lost }) => {
      heard.events.push(...events);
      heard.lost += lost;
    });
    return heard;
  }

  it('are told from the opening on, by their parents, and only those of cgroup2', async () => {
    const before = make('before');
    const id = inode(before);
    const parentId = inode(sandbox.root);
    const name = `kernscale-test-${process.pid}-v1`;
    const { events } = listen();
    const v1 = versionOne();
    if (v1 !== undefined) make(name, v1);
    rmdirSync(before);
    await eventually('both', () => events.filter(({ cgroupId }) => cgroupId === id).length === 2);
    expect(events.filter(({ cgroupId }) => cgroupId === id)).to.deep.equal([
      { kind: 'created', cgroupId: id, parentId, name: 'before' },
      { kind: 'removed', cgroupId: id, parentId, name: 'before' },
    ]);
    expect(events.filter((event) => event.name === name)).to.deep.equal([]);
  });

  it('have their whole names', async () => {
    const { events } = listen();
    const name = 'x'.repeat(255);
    make(name);
    await eventually('it', () => events.some((event) => event.name === name));
  });

  it('are told to the last who listens, and not after the end', async () => {
    const first = listen();
    const second = listen();
    const id = inode(make('one'));
    await eventually('it', () => second.events.some(({ cgroupId }) => cgroupId === id));
    expect(first.events).to.deep.equal([]);
    probes.close();
    const told = second.events.length;
    make('two');
    await sleep(200);
    expect(second.events.length).to.equal(told);
  });

  it('are counted when they are too many to be told', async () => {
    const heard = listen();
    const cgroups = 300;
    // Nobody fetches events before this loop gives up the thread.
    for (let i = 0; i < cgroups; i++) rmdirSync(make(`fast${i}`));
    await eventually('all that there was room for', () => heard.lost > 0);
    const ours = heard.events.filter(({ name }) => name.startsWith('fast')).length;
    expect(ours).to.be.within(200, 2 * cgroups - 1);
    expect(ours + heard.lost).to.be.at.least(2 * cgroups);
    expect(probes.read().drops.events_full).to.equal(heard.lost);
  });

  describe('in the tree', () => {
    let tree: CgroupTree;
    afterEach(() => {
      tree.close();
    });
    const open = (mountPoint = cgroupRoot()) => {
      tree = new CgroupTree(mountPoint, parseHostPath, probes, pino({ level: 'silent' }), () => undefined);
    };

    it('are known within 100 ms, from wherever it begins', async () => {
      open(sandbox.root);
      const waits: number[] = [];
      for (let i = 0; i < 9; i++) {
        const id = inode(make(`quick-${i}.service`, make(`quick-${i}.slice`)));
        const start = performance.now();
        await eventually('it is known', () => tree.containers.has(id), 2000);
        waits.push(performance.now() - start);
        await sleep(20 * i);
      }
      // Of nine the median: another process may be in the way of one.
      expect(waits.sort((a, b) => a - b)[4], waits.join()).to.be.lessThan(100);
    });

    it('are all known when they are too many to be told', async () => {
      open();
      const count = 400;
      const ids = Array.from({ length: count }, (_, i) => inode(make(`many-${i}.service`)));
      await eventually('all', () => ids.every((id) => tree.containers.has(id)));
      expect(probes.read().drops.events_full).to.be.greaterThan(0);
      for (const one of made.splice(0).reverse()) rmdirSync(one);
      await eventually('none', () => !ids.some((id) => tree.containers.has(id)));
    });
  });

  it('are known where the mount shows a part of the hierarchy, to an exporter without capabilities', async () => {
    const node = make('node');
    const inside = `echo $$ > ${node}/cgroup.procs; exec unshare --cgroup --mount sh -c '
      mount -t cgroup2 none /mnt; exec "$@" --path.cgroupfs /mnt' sh "$0" "$@"`;
    const exporter = new ExporterProcess(['--source', 'host'], ['sh', '-c', inside]);
    try {
      const url = await exporter.url();
      make('inner.service', node);
      const series = /^kernscale_state_seconds_total\{.*pod="inner.service"/m;
      const text = async () => (await fetch(`${url}/metrics`)).text();
      await eventually('it is measured', async () => series.test(await text()), 2000);
    } finally {
      await exporter.stop('SIGTERM');
    }
  });
});

/** Where a hierarchy of cgroup v1 is mounted that nothing but names belongs to, if there is one. */
function versionOne(): string | undefined {
  const mounts = readFileSync('/proc/mounts', 'utf8').split('\n');
  return mounts.find((line) => line.split(' ')[2] === 'cgroup' && line.includes('name='))?.split(' ')[1];
}
