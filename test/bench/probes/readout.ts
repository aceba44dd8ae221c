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

/** One read of everything, crediting every thread of this machine included, until the addon's buffers are filled. */
export class ReadoutMeasure implements Measure {
  readonly name = 'read-out';
  readonly #milliseconds = new Map<number, number[]>(CONTAINERS.map((count) => [count, []]));

  async round(bench: Bench): Promise<void> {
    for (const count of CONTAINERS) {
      await bench.pause(0);
      this.#milliseconds.get(count)!.push(...readTimes(count, bench.root));
    }
  }

  figures(): readonly Figure[] {
    return CONTAINERS.map((count) => {
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
  }
}

function readTimes(count: number, cgroupRoot: string): number[] {
  const { addon, handle } = openAddon(fromRoot('native/build/kernscale.node'), cgroupRoot, count);
  try {
    for (let i = 0; i < count; i++) addon.track(handle, NO_CGROUP + BigInt(i));
    return [median(Array.from({ length: READS }, () => timed(() => addon.read(handle))))!];
  } finally {
    addon.close(handle);
  }
}

function timed(work: () => unknown): number {
  const start = performance.now();
  work();
  return performance.now() - start;
}
