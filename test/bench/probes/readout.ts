import { readdirSync } from 'node:fs';
import { fromRoot } from '../../loop/paths.js';
import type { Bench } from './bench.js';
import { openAddon } from './contenders.js';
import type { Measure } from './measure.js';
import { figure, median, type Figure } from './rows.js';

const CONTAINERS = [110, 500, 2000];
const READS = 25;
const GOALS = new Map([[500, 0.4]]);
/** No directory's inode: nothing runs there, and a row that nobody writes is read like any other. */
const NO_CGROUP = 1n << 48n;

/** One read of everything until the addon's buffers are filled, and the part of it that threads cost. */
export class ReadoutMeasure implements Measure {
  readonly name = 'read-out';
  readonly #milliseconds = new Map<number, number[]>(CONTAINERS.map((count) => [count, []]));
  readonly #crediting: number[] = [];

  async round(bench: Bench): Promise<void> {
    for (const count of CONTAINERS) {
      await bench.pause(0);
      const reads = readOften(count, bench.root);
      this.#milliseconds.get(count)!.push(median(reads.map(({ whole }) => whole))!);
      this.#crediting.push(median(reads.map(({ crediting }) => crediting))!);
    }
  }

  figures(): readonly Figure[] {
    const reads = CONTAINERS.map((count) => {
      const atMost = GOALS.get(count);
      const goals = atMost === undefined ? [] : [{ of: 'ours', atMost } as const];
      return figure(
        `read-out of ${count} containers`,
        'ms',
        this.#milliseconds.get(count)!,
        undefined,
        goals,
      );
    });
    const threads = readdirSync('/proc').filter((name) => /^\d/.test(name)).length;
    return [
      ...reads,
      figure(`of that, crediting the threads of ${threads} processes`, 'ms', this.#crediting),
    ];
  }
}

interface Read {
  readonly whole: number;
  readonly crediting: number;
}

function readOften(count: number, cgroupRoot: string): readonly Read[] {
  const { addon, handle } = openAddon(fromRoot('native/build/kernscale.node'), cgroupRoot, count);
  try {
    for (let i = 0; i < count; i++) addon.track(handle, NO_CGROUP + BigInt(i));
    return Array.from({ length: READS }, () => {
      const start = performance.now();
      const { settleSeconds } = addon.read(handle);
      return { whole: performance.now() - start, crediting: 1000 * settleSeconds };
    });
  } finally {
    addon.close(handle);
  }
}
