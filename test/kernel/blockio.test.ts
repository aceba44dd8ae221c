import { expect } from 'chai';
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

import { SIZE_BOUNDS_BYTES } from '../../native/index.js';
import type { BlockIoCounters, BlockOp, ContainerCounters, Histogram } from '../../native/index.js';
import { measure } from './harness.js';
import { useKernel } from './suite.js';

const BLOCK = 4096;

const count = ({ buckets }: Histogram): number => buckets.reduce((sum, bucket) => sum + bucket, 0);

/** Bytes that a process read from and wrote to block devices, by the kernel's account. */
function processIo(pid: number): { read: number; written: number } {
  const io = readFileSync(`/proc/${pid}/io`, 'utf8');
  const value = (name: string): number => Number(new RegExp(`^${name}: (\\d+)$`, 'm').exec(io)![1]);
  return { read: value('read_bytes'), written: value('write_bytes') };
}

function bytes({ blockIo }: ContainerCounters, op: BlockOp): number {
  return blockIo.filter((each) => each.op === op).reduce((sum, each) => sum + each.histograms.bytes.sum, 0);
}

function entry({ blockIo }: ContainerCounters, op: BlockOp): BlockIoCounters {
  const found = blockIo.find((each) => each.op === op);
  if (found === undefined) throw new Error(`no ${op} among ${JSON.stringify(blockIo)}`);
  return found;
}

describe('block I/O probe', () => {
  const kernel = useKernel({ probes: ['blockio'], maxContainers: 8 });

  it('bills every direct read to the process that requested it', async () => {
    const group = kernel.sandbox.group();
    const { pid } = await group.run('disk', ['direct', `${kernel.sandbox.scratch}/direct`]);
    const start = processIo(pid);
    const { before, after } = await measure(kernel.probes, group, () => sleep(1_000));
    const requested = processIo(pid).read - start.read;
    expect(bytes(after, 'read') - bytes(before, 'read')).to.be.closeTo(
      requested,
      0.05 * requested + 16 * BLOCK,
    );
    const { device, histograms } = entry(after, 'read');
    const { seconds, bytes: sizes } = histograms;
    expect(device).to.match(/^[a-z]+[a-z0-9]*$/);
    expect(seconds.sum / count(seconds)).to.be.within(1e-6, 0.2);
    expect(sizes.buckets[SIZE_BOUNDS_BYTES.indexOf(BLOCK)]).to.equal(count(sizes));
  });

  it('bills synced writes and their flushes to the process that synced', async () => {
    const group = kernel.sandbox.group();
    const { pid } = await group.run('disk', ['fsync', `${kernel.sandbox.scratch}/fsync`]);
    const start = processIo(pid);
    const { before, after } = await measure(kernel.probes, group, () => sleep(1_000));
    const requested = processIo(pid).written - start.written;
    // For a sync the file system also writes inodes and its journal.
    expect(bytes(after, 'write') - bytes(before, 'write')).to.be.within(
      0.95 * requested - 16 * BLOCK,
      2 * requested,
    );
    expect(entry(after, 'write').histograms.seconds.sum).to.be.above(0);
  });

  it('loses the owner of no request', () => {
    expect(kernel.probes.read().drops.blockio_owner_lost).to.be.at.most(
      5,
      'requests in flight when the probes were loaded',
    );
  });
});
