import { readdirSync } from 'node:fs';
import { fromRoot } from '../../../sandbox/paths.js';
import { MANY, MOST, type Bench, type Measure } from './bench.js';
import { openAddon } from './contenders.js';
import { figure, median, type Figure } from './rows.js';

const CONTAINERS = [MANY, 500, MOST];
const READS = 25;
const GOALS = new Map([[500, 0.4]]);

/**
 * Measures one snapshot of containers that each have a disk, a peer and five states, until the addon's buffers are
 * filled. Flushing the machine's threads is a figure of its own, as it depends on the number of threads.
 */
export class ReadoutMeasure implements Measure {
  readonly name = 'read-out';
  readonly needs = ['build/fill'];
  readonly #milliseconds = new Map<number, number[]>(CONTAINERS.map((count) => [count, []]));
  readonly #afterWork = new Map<number, number[]>(CONTAINERS.map((count) => [count, []]));
  readonly #flushing: number[] = [];

  async round(bench: Bench): Promise<void> {
    for (const count of CONTAINERS) {
      await bench.pause(0);
      const { reads, afterWork } = await readRepeatedly(count, bench);
      this.#milliseconds.get(count)!.push(median(reads.map(({ whole, flushing }) => whole - flushing))!);
      this.#afterWork.get(count)!.push(afterWork.whole - afterWork.flushing);
      this.#flushing.push(median(reads.map(({ flushing }) => flushing))!);
    }
  }

  figures(): readonly Figure[] {
    const reads = CONTAINERS.flatMap((count) => {
      const what = `read-out of ${count} containers`;
      const atMost = GOALS.get(count);
      const goals = atMost === undefined ? [] : [{ of: 'ours', atMost } as const];
      return [
        figure(what, 'ms', this.#milliseconds.get(count)!, undefined, goals),
        figure(`${what}, the first after all of them have worked`, 'ms', this.#afterWork.get(count)!),
      ];
    });
    const threads = readdirSync('/proc').filter((name) => /^\d/.test(name)).length;
    return [...reads, figure(`flushing the threads of ${threads} processes`, 'ms', this.#flushing)];
  }
}

interface Read {
  readonly whole: number;
  readonly flushing: number;
}

interface Reads {
  readonly reads: readonly Read[];
  /** First read after the containers have worked, with cold caches. */
  readonly afterWork: Read;
}

async function readRepeatedly(count: number, bench: Bench): Promise<Reads> {
  const { addon, handle } = openAddon(fromRoot('native/build/kernscale.node'), bench.root, count);
  try {
    for (const id of bench.containers(count)) addon.track(handle, id);
    const read = (): Read => {
      const start = performance.now();
      const { flushSeconds } = addon.read(handle);
      return { whole: performance.now() - start, flushing: 1000 * flushSeconds };
    };
    await bench.fill(count);
    const reads = Array.from({ length: READS }, read);
    await bench.fill(count);
    return { reads, afterWork: read() };
  } finally {
    addon.close(handle);
  }
}
