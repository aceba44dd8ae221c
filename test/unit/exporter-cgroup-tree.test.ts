import { mkdirSync, mkdtempSync, renameSync, rmdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect } from 'chai';
import { pino } from 'pino';
import { parseCgroupPath, parsePodPath } from '../../exporter/cgroup-path.js';
import { CgroupTree } from '../../exporter/cgroup-tree.js';
import { eventually } from './loopback-api.js';

const POD = 'kubepods.slice/kubepods-pod0b4e9e2a_6f2d_4c1b_9d59_6f2f2c0d7e11.slice';
const scope = (digit: string) => `cri-containerd-${digit.repeat(64)}.scope`;

describe('the tree of cgroups', () => {
  let base: string;
  let root: string;
  let tree: CgroupTree;
  let changes: number;

  beforeEach(() => {
    base = mkdtempSync(path.join(tmpdir(), 'kernscale-'));
    root = path.join(base, 'cgroup');
    mkdirSync(root);
    changes = 0;
  });
  afterEach(() => {
    tree.close();
    rmSync(base, { recursive: true });
  });

  const make = (directory: string) => mkdirSync(path.join(root, directory), { recursive: true });
  const open = () => {
    tree = new CgroupTree(root, parseCgroupPath, pino({ level: 'silent' }), () => changes++);
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

  it('sees containers come and go within 100 ms', async () => {
    open();
    make(`${POD}/${scope('a')}`);
    await eventually('a', () => ids().join() === 'a', 100);
    make(`${POD}/${scope('b')}`);
    await eventually('a and b', () => ids().join() === 'a,b', 100);
    rmdirSync(path.join(root, POD, scope('a')));
    await eventually('b alone', () => ids().join() === 'b', 100);
    expect(changes).to.equal(3);
  });

  it('forgets a pod with its containers', async () => {
    make(`${POD}/${scope('a')}`);
    make(`${POD}/${scope('b')}`);
    open();
    rmSync(path.join(root, 'kubepods.slice'), { recursive: true });
    await eventually('nothing', () => ids().length === 0, 100);
  });

  it('knows the pods too, and what is in them, if it is to', async () => {
    make(`${POD}/${scope('a')}`);
    tree = new CgroupTree(
      root,
      (file) => parseCgroupPath(file) ?? parsePodPath(file),
      pino({ level: 'silent' }),
      () => changes++,
    );
    const podIds = () => [...tree.containers.values()].filter(({ isPod }) => isPod);
    expect(podIds()).to.deep.equal([
      { podUid: '0b4e9e2a-6f2d-4c1b-9d59-6f2f2c0d7e11', containerId: '', isPod: true },
    ]);
    make(`${POD}/${scope('b')}`);
    await eventually('a and b', () => tree.containers.size === 3, 100);
    rmSync(path.join(root, 'kubepods.slice'), { recursive: true });
    await eventually('nothing', () => tree.containers.size === 0, 100);
  });

  it('sees a directory that was replaced by another of the same name', async () => {
    make(`${POD}/${scope('a')}`);
    open();
    // Moved away rather than removed: unlike cgroups, this file system would use the inode again.
    renameSync(path.join(root, 'kubepods.slice'), path.join(base, 'gone'));
    make(`${POD}/${scope('b')}`);
    await eventually('b alone', () => ids().join() === 'b', 200);
    make(`${POD}/${scope('c')}`);
    await eventually('c too', () => ids().join() === 'b,c', 100);
  });

  it('is not troubled by what goes on inside a container or beside the pods', async () => {
    make(`${POD}/${scope('a')}`);
    open();
    make(`${POD}/${scope('a')}/child`);
    make('system.slice/cron.service');
    await new Promise((resolve) => setTimeout(resolve, 60));
    expect(changes).to.equal(0);
  });
});
