import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect } from 'chai';
import { CgroupAccounts } from '../../../../exporter/cgroups/accounts.js';
import type { MeasuredCgroup } from '../../../../exporter/cgroups/path.js';

const POD: MeasuredCgroup = { podUid: 'p', containerId: '', isPod: true, path: '/pod' };
const container = (id: string): MeasuredCgroup => ({ podUid: 'p', containerId: id, path: `/pod/${id}` });

describe('the accounts of cgroups', () => {
  let root: string;
  let accounts: CgroupAccounts;

  beforeEach(() => {
    root = mkdtempSync(path.join(tmpdir(), 'kernscale-'));
    accounts = new CgroupAccounts(root);
  });
  afterEach(() => {
    rmSync(root, { recursive: true });
  });

  /** The kernel's account of a cgroup includes those below it. */
  function uses({ path: below }: MeasuredCgroup, seconds: number): void {
    mkdirSync(path.join(root, below), { recursive: true });
    writeFileSync(path.join(root, below, 'cpu.stat'), `usage_usec ${1e6 * seconds}\nuser_usec 1\n`);
  }
  const read = () => accounts.read().containers.map(({ stateSeconds }) => stateSeconds.oncpu);

  it('bill a pod for what runs in it outside of its containers', () => {
    uses(POD, 10);
    uses(container('a'), 7);
    const slots = [accounts.track(1n, POD), accounts.track(2n, container('a'))];
    expect(accounts.read().containers.map(({ slot }) => slot)).to.deep.equal(slots);
    expect(read()).to.deep.equal([3, 7]);
  });

  it('bill the pod for everything where its container’s cgroup is empty', () => {
    uses(POD, 10);
    uses(container('a'), 0);
    accounts.track(1n, POD);
    accounts.track(2n, container('a'));
    expect(read()).to.deep.equal([10, 0]);
  });

  it('keep the last value of a cgroup that is gone, and never bill it to its pod', () => {
    uses(POD, 10);
    uses(container('a'), 7);
    accounts.track(1n, POD);
    accounts.track(2n, container('a'));
    expect(read()).to.deep.equal([3, 7]);
    rmSync(path.join(root, 'pod/a'), { recursive: true });
    expect(read()).to.deep.equal([3, 7]);
    accounts.untrack(2n);
    expect(read()).to.deep.equal([3]);
    uses(POD, 12);
    expect(read()).to.deep.equal([5]);
  });

  it('never fall, though one cgroup is read after the other', () => {
    uses(POD, 10);
    uses(container('a'), 7);
    accounts.track(1n, POD);
    accounts.track(2n, container('a'));
    read();
    uses(container('a'), 8);
    expect(read()).to.deep.equal([3, 8]);
  });
});
