import { expect } from 'chai';
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

import { SIZE_BOUNDS_BYTES } from '../../native/index.js';
import type { BlockIoCounters, BlockOp, ContainerCounters, Histogram } from '../../native/index.js';
import { measure } from './harness.js';
import { useKernel } from './suite.js';

const BLOCK = 4096;

const count = ({ buckets }: Histogram): number => buckets.reduce((sum, bucket) => sum + bucket, 0);

/** What a process made its block devices read and write, by the kernel's own books. */
function processIo(pid: number): { read: number; written: number } {
  const io = readFileSync(`/proc/${pid}/io`, 'utf8');
  const value = (name: string): number => Number(new RegExp(`^${name}: (\\d+)$`, 'm').exec(io)![1]);
  return { read: value('read_bytes'), written: value('write_bytes') };
}

function bytes({ blockIo }: ContainerCounters, op: BlockOp): number {
  return blockIo.filter((each) => each.op === op).reduce((sum, each) => sum + each.bytes.sum, 0);
}

function entry({ blockIo }: ContainerCounters, op: BlockOp): BlockIoCounters {
  const found = blockIo.find((each) => each.op === op);
  if (found === undefined) throw new Error(`no ${op} among ${JSON.stringify(blockIo)}`);
  return found;
}

describe('block I/O probe', () => {
  const kernel = useKernel({ probes: ['blockio'], maxContainers: 8 });

  it('bills every direct read to the process that asked for it', async () => {
    const group = kernel.sandbox.group();
    const { pid } = await group.run('disk', ['direct', `${kernel.sandbox.scratch}/direct`]);
    const start = processIo(pid);
    const { before, after } = await measure(kernel.probes, group, () => sleep(1_000));
    const asked = processIo(pid).read - start.read;
    expect(bytes(after, 'read') - bytes(before, 'read')).to.be.closeTo(asked, 0.05 * asked + 16 * BLOCK);
    const { device, seconds, bytes: sizes } = entry(after, 'read');
    expect(device).to.match(/^[a-z]+[a-z0-9]*$/);
    expect(seconds.sum / count(seconds)).to.be.within(1e-6, 0.2);
    expect(sizes.buckets[SIZE_BOUNDS_BYTES.indexOf(BLOCK)]).to.equal(count(sizes));
  });

  it('bills synced writes, and the flushes they end in, to the process that synced', async () => {
    const group = kernel.sandbox.group();
    const { pid } = await group.run('disk', ['fsync', `${kernel.sandbox.scratch}/fsync`]);
    const start = processIo(pid);
    const { before, after } = await measure(kernel.probes, group, () => sleep(1_000));
    const asked = processIo(pid).written - start.written;
    // The file system adds what it writes of its own for a sync: inodes, journal.
    expect(bytes(after, 'write') - bytes(before, 'write')).to.be.within(0.95 * asked - 16 * BLOCK, 2 * asked);
    expect(entry(after, 'write').seconds.sum).to.be.above(0);
  });

  it('loses no owner of a request', () => {
    expect(kernel.probes.read().drops.blockio_owner_lost).to.be.at.most(
      5,
      'requests that were under way at the start',
    );
  });
});
