import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { added } from './accounting.js';
import { startBaseline } from './baseline.js';
import type { Bench, Load, Measure } from './bench.js';
import { OURS } from './contenders.js';
import { figure, median, type Figure, type Peer } from './rows.js';

/** Pressure stall information is kept at every level of the hierarchy. */
const LEVELS = 4;
const TURNS = 8;
const LOAD: Omit<Load, 'cgroups'> = { kind: 'ring', members: 2, milliseconds: 60 };
const WHAT = `context switch in one cgroup, ${LEVELS} levels deep`;
const PSI = "the kernel's pressure stall information";

/**
 * Measures what a context switch takes longer with our probes, and with the kernel's own accounting of pressure, which
 * is a part of the scheduler: CPU time of a pipe ping-pong with each of them on and off, in turns.
 */
export class PressureMeasure implements Measure {
  readonly name = 'pressure';
  readonly #values = { psi: [] as number[], all: [] as number[], program: [] as number[] };
  #absent: string | undefined;

  async round(bench: Bench): Promise<void> {
    const path = bench.deep(LEVELS);
    const files = switches(path, LEVELS);
    if (files.length < LEVELS) this.#absent = 'these cgroups have no cgroup.pressure (6.1+, psi=1)';
    const set = (on: 0 | 1) => {
      for (const file of files) writeFileSync(file, String(on));
    };
    const times: Record<'nothing' | 'psi' | 'probes', number[]> = { nothing: [], psi: [], probes: [] };
    try {
      for (let turn = 0; turn < TURNS; turn++) {
        set(0);
        times.nothing.push(await nanoseconds(bench));
        const { detach } = await OURS.attach(bench, () => Promise.resolve());
        times.probes.push(await nanoseconds(bench));
        await detach();
        set(1);
        times.psi.push(await nanoseconds(bench));
      }
      set(0);
      this.#values.program.push(await ownShare(bench));
    } finally {
      set(1);
    }
    const nothing = median(times.nothing)!;
    this.#values.all.push(median(times.probes)! - nothing);
    if (this.#absent === undefined) this.#values.psi.push(median(times.psi)! - nothing);
  }

  figures(): readonly Figure[] {
    const { psi, all, program } = this.#values;
    const peer: Peer = {
      name: PSI,
      values: psi,
      ...(this.#absent !== undefined && { absent: this.#absent }),
    };
    return [
      figure(`${WHAT}, the program alone`, 'ns', program, peer, [{ of: 'ratio', atMost: 1 }]),
      figure(`${WHAT}, with entering and leaving it`, 'ns', all, peer),
    ];
  }
}

/** Files that turn pressure accounting of a cgroup and its ancestors on and off. */
function switches(path: string, levels: number): readonly string[] {
  return Array.from({ length: levels }, (_, up) => join(path, '../'.repeat(up), 'cgroup.pressure')).filter(
    existsSync,
  );
}

/** CPU time per switch. */
async function nanoseconds(bench: Bench): Promise<number> {
  const { cpuSeconds, operations } = await bench.run({ ...LOAD, cgroups: 'deep' });
  return (1e9 * cpuSeconds) / operations;
}

/** Time of our program per switch by the kernel's account, less that of an empty one. */
async function ownShare(bench: Bench): Promise<number> {
  const baseline = await startBaseline(bench);
  try {
    const attached = await OURS.attach(bench, () => Promise.resolve());
    try {
      const before = attached.accounts('scheduler');
      const { empty } = await baseline.during('nothing_switch', () => nanoseconds(bench));
      const spent = added(before, attached.accounts('scheduler'));
      return (spent.nanoseconds - (spent.runs * empty.nanoseconds) / empty.runs) / empty.runs;
    } finally {
      await attached.detach();
    }
  } finally {
    await baseline.stop();
  }
}
