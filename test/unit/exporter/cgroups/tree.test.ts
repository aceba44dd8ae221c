import { mkdirSync, mkdtempSync, rmdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { CgroupEvent, CgroupEvents } from 'bpf-linker-napi';
import { expect } from 'chai';
import { pino } from 'pino';
import { eventually } from '../../../eventually.js';
import { parseCgroupPath, parsePodPath } from '../../../../exporter/cgroups/path.js';
import { CgroupTree } from '../../../../exporter/cgroups/tree.js';
import type { Source } from '../../../../exporter/identity/source.js';

const POD = 'kubepods.slice/kubepods-pod0b4e9e2a_6f2d_4c1b_9d59_6f2f2c0d7e11.slice';
const scope = (digit: string) => `cri-containerd-${digit.repeat(64)}.scope`;

/** Real directories, and a kernel whose events the test triggers; the real one is in test/kernel. */
describe('the tree of cgroups', () => {
  let root: string;
  let tree: CgroupTree;
  let changes: number;
  let pending: CgroupEvent[];
  let listener: ((events: CgroupEvents) => void) | undefined;

  beforeEach(() => {
    root = mkdtempSync(path.join(tmpdir(), 'kernscale-'));
    changes = 0;
    pending = [];
    listener = undefined;
  });
  afterEach(() => {
    tree.close();
    rmSync(root, { recursive: true });
  });

  const note = (kind: CgroupEvent['kind'], directory: string) => {
    const inode = (where: string) => statSync(path.join(root, where), { bigint: true }).ino;
    const { dir, base } = path.parse(directory);
    pending.push({ kind, cgroupId: inode(directory), parentId: inode(dir), name: base });
  };
  /** Like mkdir -p. */
  const make = (directory: string) => {
    const names = directory.split('/');
    for (let depth = 1; depth <= names.length; depth++) {
      const one = names.slice(0, depth).join('/');
      if (statSync(path.join(root, one), { throwIfNoEntry: false })) continue;
      mkdirSync(path.join(root, one));
      note('created', one);
    }
  };
  const remove = (directory: string) => {
    note('removed', directory);
    rmdirSync(path.join(root, directory));
  };
  const tell = (lost = 0) => {
    const events = pending.splice(0);
    listener!({ events, lost });
  };
  const kernel = { followCgroups: (given: typeof listener) => (listener = given) };
  const open = (parse: Source['parse'] = parseCgroupPath, isTold = true) => {
    const probes = isTold ? kernel : undefined;
    tree = new CgroupTree(root, parse, probes, pino({ level: 'silent' }), () => changes++);
  };
  const ids = () => [...tree.containers.values()].map(({ containerId }) => containerId[0]).sort();

  it('knows the containers that exist at the start, by inode', () => {
    make(`${POD}/${scope('a')}/inner`);
    make('system.slice/ssh.service');
    open();
    const { ino } = statSync(path.join(root, POD, scope('a')), { bigint: true });
    expect([...tree.containers.keys()]).to.deep.equal([ino]);
    expect(changes).to.equal(0);
  });

  it('knows those that the kernel reports, and notifies once per burst', () => {
    open();
    make(`${POD}/${scope('a')}`);
    make(`${POD}/${scope('b')}`);
    tell();
    expect(ids()).to.deep.equal(['a', 'b']);
    remove(`${POD}/${scope('a')}`);
    tell();
    expect(ids()).to.deep.equal(['b']);
    remove(`${POD}/${scope('b')}`);
    remove(POD);
    tell();
    expect(ids()).to.deep.equal([]);
    expect(changes).to.equal(3);
  });

  it('handles events that arrive twice or late', () => {
    make(`${POD}/${scope('a')}`);
    make(`${POD}/${scope('b')}`);
    remove(`${POD}/${scope('b')}`);
    open();
    tell();
    expect(ids()).to.deep.equal(['a']);
    expect(changes).to.equal(1);
  });

  it('scans when the kernel has dropped events', () => {
    open();
    make(`${POD}/${scope('a')}`);
    tell();
    make(`${POD}/${scope('b')}/inner`);
    remove(`${POD}/${scope('a')}`);
    pending = [];
    tell(5);
    expect(ids()).to.deep.equal(['b']);
    make(`${POD}/${scope('c')}`);
    tell();
    expect(ids()).to.deep.equal(['b', 'c']);
  });

  it('scans every second where the kernel reports no events', async () => {
    open(parseCgroupPath, false);
    make(`${POD}/${scope('a')}`);
    await eventually('a', () => ids().join() === 'a', 3000);
    remove(`${POD}/${scope('a')}`);
    await eventually('nothing', () => ids().length === 0, 3000);
  });

  it('follows pods and their containers, if the parser reads both', () => {
    make(`${POD}/${scope('a')}`);
    open((file) => parseCgroupPath(file) ?? parsePodPath(file));
    pending = [];
    const podIds = () => [...tree.containers.values()].filter(({ isPod }) => isPod);
    expect(podIds()).to.deep.equal([
      { podUid: '0b4e9e2a-6f2d-4c1b-9d59-6f2f2c0d7e11', containerId: '', isPod: true, path: `/${POD}` },
    ]);
    make(`${POD}/${scope('b')}`);
    tell();
    expect(tree.containers.size).to.equal(3);
  });

  it('ignores changes inside containers and beside the pods', () => {
    make(`${POD}/${scope('a')}`);
    open();
    pending = [];
    make(`${POD}/${scope('a')}/child/${scope('b')}`);
    make('system.slice/cron.service');
    listener!({
      events: [{ kind: 'created', cgroupId: 1n << 60n, parentId: 1n << 61n, name: scope('c') }],
      lost: 0,
    });
    tell();
    expect(changes).to.equal(0);
  });
});
