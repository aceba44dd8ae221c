import { errorCode } from '../../../common/errors.js';
import { startBaseline } from './baseline.js';
import type { Bench, Load, LoadKind } from './bench.js';
import { OURS, tool, type Attached, type Contender } from './contenders.js';
import type { Measure } from './measure.js';
import { figure, type Figure, type Goal, type Peer } from './rows.js';

interface SlowedLoad {
  readonly what: string;
  readonly load: Load;
  readonly goals: readonly Goal[];
}

const MILLISECONDS = 250;
const pair = { members: 2, cgroups: 'pair', milliseconds: MILLISECONDS } as const;

const LOADS: readonly SlowedLoad[] = [
  { what: 'pipe ping-pong', load: { kind: 'ring', ...pair }, goals: [{ of: 'ours', atMost: 5 }] },
  { what: 'socket ping-pong', load: { kind: 'tcp', ...pair }, goals: [{ of: 'ours', atMost: 2 }] },
  { what: 'hackbench', load: { kind: 'crowd', ...pair, members: 20 }, goals: [] },
  { what: 'O_DIRECT reads', load: { kind: 'disk', ...pair }, goals: [] },
];

/** What has to be attached of theirs to know a part of what ours tells. */
const PEERS = ['runqlat', 'cpudist', 'cpudist -O', 'biolatency'].map((name) => tool(name));
const PEERS_NAME = PEERS.map(({ name }) => name).join(' + ');

type Side = 'ours' | 'peers';
type Rates = ReadonlyMap<LoadKind, number>;

/** How much less work is done with everything attached, the kernel's accounting being off. */
export class SlowdownMeasure implements Measure {
  readonly name = 'slowdown';
  readonly #percent = { ours: new Map<LoadKind, number[]>(), peers: new Map<LoadKind, number[]>() };
  #absent: string | undefined;

  async round(bench: Bench): Promise<void> {
    // What the machine does meanwhile counts on both sides: nothing attached, before and after each.
    let before = await rates(bench);
    for (const side of ['ours', 'peers', 'ours'] as const) {
      const attached = await this.#with(side, bench);
      const after = await rates(bench);
      if (attached) this.#note(side, before, attached, after);
      before = after;
    }
  }

  figures(): readonly Figure[] {
    return LOADS.map(({ what, load, goals }) => {
      const values = (side: Side) => this.#percent[side].get(load.kind) ?? [];
      const peer: Peer = {
        name: PEERS_NAME,
        values: values('peers'),
        ...(this.#absent !== undefined && { absent: this.#absent }),
      };
      return figure(`slow-down of ${what}`, '%', values('ours'), peer, goals);
    });
  }

  async #with(side: Side, bench: Bench): Promise<Rates | undefined> {
    const contenders = side === 'ours' ? [OURS] : PEERS;
    try {
      return await withAttached(contenders, bench, () => rates(bench));
    } catch (error) {
      if (errorCode(error) !== 'PEER_UNAVAILABLE') throw error;
      this.#absent = error instanceof Error ? error.message : String(error);
      return undefined;
    }
  }

  #note(side: Side, before: Rates, attached: Rates, after: Rates): void {
    for (const { kind } of LOADS.map(({ load }) => load)) {
      const without = (before.get(kind)! + after.get(kind)!) / 2;
      const values = this.#percent[side].get(kind) ?? [];
      this.#percent[side].set(kind, [...values, 100 * (1 - attached.get(kind)! / without)]);
    }
  }
}

/** Operations a second of each load. */
async function rates(bench: Bench): Promise<Rates> {
  const found = new Map<LoadKind, number>();
  for (const { load } of LOADS) {
    const { operations, seconds } = await bench.run(load);
    found.set(load.kind, operations / seconds);
  }
  return found;
}

async function withAttached<T>(
  contenders: readonly Contender[],
  bench: Bench,
  work: () => Promise<T>,
): Promise<T> {
  const attached: Attached[] = [];
  try {
    // That a tool's programs run is seen by the kernel's accounting, which is off again when the work begins.
    const baseline = await startBaseline(bench);
    try {
      const provoke = () => bench.run({ kind: 'disk', ...pair, milliseconds: 20 });
      for (const contender of contenders) attached.push(await contender.attach(bench, provoke));
    } finally {
      await baseline.stop();
    }
    return await work();
  } finally {
    for (const { detach } of attached) await detach();
  }
}
