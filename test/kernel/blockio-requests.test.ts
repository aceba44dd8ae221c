import { expect } from 'chai';

import { SIZE_BOUNDS_BYTES } from '../../native/index.js';
import type { BlockIoCounters, BlockOp, Histogram } from '../../native/index.js';
import { countersOf } from './harness.js';
import type { Group } from './harness.js';
import { LoopDevice } from './loop-device.js';
import { useKernel } from './suite.js';

const KIB = 1024;
const MEDIUM = 16 * KIB * KIB;

const count = ({ buckets }: Histogram): number => buckets.reduce((sum, bucket) => sum + bucket, 0);

/** Counters of one operation as plain numbers. */
interface Counted {
  readonly timed: number;
  readonly sized: number;
  readonly bytes: number;
  readonly failures: number;
}

const NOTHING: Counted = { timed: 0, sized: 0, bytes: 0, failures: 0 };

function summary({ scalars, histograms }: BlockIoCounters): Counted {
  const { seconds, bytes } = histograms;
  return { timed: count(seconds), sized: count(bytes), bytes: bytes.sum, failures: scalars.failures };
}

describe('block requests on a loop device', () => {
  const kernel = useKernel({ probes: ['blockio'], maxContainers: 8 });
  let device: LoopDevice | undefined;

  afterEach(async () => {
    await kernel.sandbox.stop();
    device?.close();
    device = undefined;
  });

  /** Requests of the container to the device so far. */
  function counted(group: Group, op: BlockOp): Counted {
    const { blockIo } = countersOf(kernel.probes, kernel.probes.track(group.id));
    const entry = blockIo.find((each) => each.device === device!.name && each.op === op);
    return entry === undefined ? NOTHING : summary(entry);
  }

  /** Runs the requests in a container of their own, and returns the number of failed ones. */
  async function request(path: string, ...lines: string[]): Promise<{ group: Group; failed: number }> {
    const group = kernel.sandbox.group();
    kernel.probes.track(group.id);
    const worker = await group.run('block', [path]);
    let failed = 0;
    for (const line of lines) {
      worker.send(line);
      failed += Number((await worker.line()).slice('done '.length));
    }
    return { group, failed };
  }

  it('counts each part of a split request with its size', async () => {
    device = LoopDevice.over(kernel.sandbox.scratch, MEDIUM);
    device.limit(64 * KIB);
    const { group } = await request(device.path, `read ${KIB * KIB} 4`);
    expect(counted(group, 'read')).to.deep.equal({
      timed: 64,
      sized: 64,
      bytes: 4 * KIB * KIB,
      failures: 0,
    });
    const { blockIo } = countersOf(kernel.probes, kernel.probes.track(group.id));
    const { histograms } = blockIo.find((each) => each.device === device!.name && each.op === 'read')!;
    expect(histograms.bytes.buckets[SIZE_BOUNDS_BYTES.indexOf(64 * KIB)]).to.equal(64);
  });

  it('counts merged writes as the requests that the device received', async () => {
    device = LoopDevice.over(kernel.sandbox.scratch, MEDIUM);
    const before = device.stat('write');
    const { group } = await request(device.path, `merge ${4 * KIB} 32`);
    const after = device.stat('write');
    expect(after.merges - before.merges).to.be.above(0);
    const requests = after.requests - before.requests;
    expect(counted(group, 'write')).to.deep.equal({
      timed: requests,
      sized: requests,
      bytes: 128 * KIB,
      failures: 0,
    });
  });

  it('times flushes, which have no size', async () => {
    device = LoopDevice.over(kernel.sandbox.scratch, MEDIUM);
    const before = device.stat('flush');
    const { group } = await request(device.path, 'flush 0 5');
    expect(counted(group, 'flush')).to.deep.equal({ ...NOTHING, timed: 5 });
    expect(device.stat('flush').requests - before.requests).to.equal(5);
    expect(counted(group, 'write')).to.deep.equal(NOTHING);
  });

  it('counts a write through the cache once, and not as a flush too', async () => {
    device = LoopDevice.over(kernel.sandbox.scratch, MEDIUM);
    const { group } = await request(device.path, `dsync ${8 * KIB} 10`);
    expect(counted(group, 'write')).to.deep.equal({ timed: 10, sized: 10, bytes: 80 * KIB, failures: 0 });
    // If the block layer adds a sync after each write, that is a flush of its own.
    expect(counted(group, 'flush').timed).to.be.oneOf([0, 10]);
  });

  it('counts discards as discards', async () => {
    device = LoopDevice.over(kernel.sandbox.scratch, MEDIUM);
    const before = device.stat('discard');
    const { group, failed } = await request(device.path, `discard ${KIB * KIB} 3`);
    expect(failed, 'the file system supports holes').to.equal(0);
    const { requests, bytes } = device.stat('discard');
    expect(counted(group, 'discard')).to.deep.equal({
      timed: requests - before.requests,
      sized: requests - before.requests,
      bytes: bytes - before.bytes,
      failures: 0,
    });
    expect(bytes - before.bytes).to.equal(3 * KIB * KIB);
    expect(counted(group, 'write')).to.deep.equal(NOTHING);
  });

  it('counts failed requests separately, with neither time nor size', async () => {
    device = LoopDevice.over(kernel.sandbox.scratch, MEDIUM);
    device.cutMedium(32 * KIB);
    const { group, failed } = await request(device.path, `read ${4 * KIB} 13`);
    expect(failed).to.equal(5);
    expect(counted(group, 'read')).to.deep.equal({ timed: 8, sized: 8, bytes: 32 * KIB, failures: 5 });
  });

  it('does not count the bytes that a failed request has read', async () => {
    device = LoopDevice.over(kernel.sandbox.scratch, MEDIUM);
    device.cutMedium(6 * KIB);
    const { group, failed } = await request(device.path, `read ${8 * KIB} 1`);
    expect(failed).to.equal(1);
    expect(counted(group, 'read')).to.deep.equal({ ...NOTHING, failures: 1 });
  });

  it('names the disk of a request to a partition', async () => {
    device = LoopDevice.partitioned(kernel.sandbox.scratch, MEDIUM);
    const { group } = await request(`${device.path}p1`, `read ${4 * KIB} 7`);
    expect(counted(group, 'read')).to.deep.equal({ timed: 7, sized: 7, bytes: 28 * KIB, failures: 0 });
  });

  it('reports how it attributes requests', () => {
    expect(kernel.probes.blockIoAttribution).to.be.oneOf(['blkcg', 'submitter', 'issuer']);
  });

  it('loses the owner of no request', () => {
    expect(kernel.probes.read().drops.blockio_owner_lost).to.be.at.most(
      5,
      'requests in flight when the probes were loaded',
    );
  });
});
