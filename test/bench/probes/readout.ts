import { readdirSync } from 'node:fs';
import { fromRoot } from '../../../sandbox/paths.js';
import { MANY, MOST, type Bench } from './bench.js';
import { openAddon } from './contenders.js';
import type { Measure } from './measure.js';
import { figure, median, type Figure } from './rows.js';

const CONTAINERS = [MANY, 500, MOST];
const READS = 25;
const GOALS = new Map([[500, 0.4]]);

/**
 * One read of everything until the addon's buffers are filled, of containers that each have a disk, a peer and five
 * states; what crediting the machine's threads takes of it depends on how many there are, so it is a figure of its own.
 */
export class ReadoutMeasure implements Measure {
  readonly name = 'read-out';
  readonly needs = ['build/fill'];
  readonly #milliseconds = new Map<number, number[]>(CONTAINERS.map((count) => [count, []]));
  readonly #afterWork = new Map<number, number[]>(CONTAINERS.map((count) => [count, []]));
  readonly #crediting: number[] = [];

  async round(bench: Bench): Promise<void> {
    for (const count of CONTAINERS) {
      await bench.pause(0);
      const { reads, afterWork } = await readOften(count, bench);
      this.#milliseconds.get(count)!.push(median(reads.map(({ whole, crediting }) => whole - crediting))!);
      this.#afterWork.get(count)!.push(afterWork.whole - afterWork.crediting);
      this.#crediting.push(median(reads.map(({ crediting }) => crediting))!);
    }
  }

  figures(): readonly Figure[] {
    const reads = CONTAINERS.flatMap((count) => {
      const what = `read-out of ${count} containers`;
      const atMost = GOALS.get(count);
      const goals = atMost === undefined ? [] : [{ of: 'ours', atMost } as const];
      return [
        figure(what, 'ms', this.#milliseconds.get(count)!, undefined, goals),
        figure(`${what}, the first after all of them did something`, 'ms', this.#afterWork.get(count)!),
      ];
    });
    const threads = readdirSync('/proc').filter((name) => /^\d/.test(name)).length;
    return [
      ...reads,
      figure(`besides, crediting the threads of ${threads} processes`, 'ms', this.#crediting),
    ];
  }
}

interface Read {
  readonly whole: number;
  readonly crediting: number;
}

interface Reads {
  readonly reads: readonly Read[];
  /** Nothing of it is in a cache. */
  readonly afterWork: Read;
}

async function readOften(count: number, bench: Bench): Promise<Reads> {
  const { addon, handle } = openAddon(fromRoot('native/build/kernscale.node'), bench.root, count);
  try {
    for (const id of bench.containers(count)) addon.track(handle, id);
    const read = (): Read => {
      const start = performance.now();
      const { flushSeconds } = addon.read(handle);
      return { whole: performance.now() - start, crediting: 1000 * flushSeconds };
    };
    await bench.fill(count);
    const reads = Array.from({ length: READS }, read);
    await bench.fill(count);
    return { reads, afterWork: read() };
  } finally {
    addon.close(handle);
  }
}
