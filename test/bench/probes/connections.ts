import { readFileSync } from 'node:fs';
import { fromRoot } from '../../../sandbox/paths.js';
import type { Bench, Measure } from './bench.js';
import { openAddon } from './contenders.js';
import { figure, median, type Figure } from './rows.js';

/** As many as the load opens; both of their ends are on this machine. */
const CONNECTIONS = 10_000;
const OPEN_MS = 15_000;
const POLL_MS = 50;
const READS = 25;

/** TCP sockets in use in this network namespace. */
function sockets(): number {
  return Number(/^TCP: inuse (\d+)/m.exec(readFileSync('/proc/net/sockstat', 'utf8'))![1]);
}

/** Measures what open connections, which every read-out surveys, add to it. */
export class ConnectionsMeasure implements Measure {
  readonly name = 'connections';
  readonly #milliseconds: number[] = [];

  async round(bench: Bench): Promise<void> {
    const { addon, handle } = openAddon(fromRoot('native/build/kernscale.node'), bench.root, 2);
    const read = (): number => {
      const start = performance.now();
      addon.read(handle);
      return performance.now() - start;
    };
    const readRepeatedly = (): number => median(Array.from({ length: READS }, read))!;
    try {
      const without = readRepeatedly();
      const load = bench.run({ kind: 'hold', members: 2, cgroups: 'pair', milliseconds: OPEN_MS });
      const deadline = performance.now() + OPEN_MS;
      while (sockets() < 2 * CONNECTIONS) {
        if (performance.now() > deadline) throw new Error(`only ${sockets()} sockets are open`);
        await bench.pause(POLL_MS);
      }
      this.#milliseconds.push(readRepeatedly() - without);
      await load;
    } finally {
      addon.close(handle);
    }
  }

  figures(): readonly Figure[] {
    const what = `what ${CONNECTIONS} open connections, both ends, add to a read-out`;
    return [figure(what, 'ms', this.#milliseconds, undefined, [{ of: 'ours', atMost: 2 }])];
  }
}
