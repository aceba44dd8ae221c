import { errorCode } from '../../../common/errors.js';
import { startBaseline, startUntimedBaseline } from './baseline.js';
import type { Bench, Load, LoadKind, Measure } from './bench.js';
import { OURS, tool, type Attached, type Contender } from './contenders.js';
import { figure, median, type Figure, type Goal, type Peer } from './rows.js';

interface SlowedLoad {
  readonly what: string;
  readonly load: Load;
  /** Time that its work is divided by: CPU time, independent of other load, where it needs only a CPU. */
  readonly by: 'cpuSeconds' | 'seconds';
  /** Percent, net of empty programs; `unmeasurable`: within the noise of two runs. */
  readonly goal?: number | 'unmeasurable';
}

const MILLISECONDS = 250;
const pair = { members: 2, cgroups: 'pair', milliseconds: MILLISECONDS } as const;

const LOADS: readonly SlowedLoad[] = [
  { what: 'pipe ping-pong', load: { kind: 'ring', ...pair }, by: 'cpuSeconds', goal: 5 },
  { what: 'socket ping-pong', load: { kind: 'tcp', ...pair }, by: 'cpuSeconds', goal: 2 },
  {
    what: 'hackbench',
    load: { kind: 'crowd', ...pair, members: 20 },
    by: 'cpuSeconds',
    goal: 'unmeasurable',
  },
  { what: 'O_DIRECT reads', load: { kind: 'disk', ...pair }, by: 'seconds' },
];

/** Tools that together measure a part of what ours does. */
const PEERS = ['runqlat', 'cpudist', 'cpudist -O', 'biolatency'].map((name) => tool(name));
const PEERS_NAME = PEERS.map(({ name }) => name).join(' + ');

type Side = 'ours' | 'nothing' | 'peers';
type Rates = ReadonlyMap<LoadKind, number>;
type Percent = Map<LoadKind, number[]>;

const TURNS: readonly Side[] = ['ours', 'nothing', 'peers', 'nothing', 'ours'];

/** Measures the drop in throughput with everything attached and the kernel's accounting off. */
export class SlowdownMeasure implements Measure {
  readonly name = 'slowdown';
  readonly #percent: Record<Side, Percent> = { ours: new Map(), nothing: new Map(), peers: new Map() };
  /** Difference of two runs with nothing attached. */
  readonly #repeated: Percent = new Map();
  #absent: string | undefined;

  async round(bench: Bench): Promise<void> {
    // Measure with nothing attached before and after each side, so that other load affects all sides alike.
    let before = await rates(bench);
    for (const side of TURNS) {
      const attached = await this.#with(side, bench);
      const after = await rates(bench);
      if (attached) this.#note(side, before, attached, after);
      before = after;
    }
  }

  figures(): readonly Figure[] {
    return LOADS.flatMap(({ what, load: { kind }, goal }) => {
      const values = (side: Side) => this.#percent[side].get(kind) ?? [];
      const nothing = values('nothing');
      const peers: Peer = {
        name: PEERS_NAME,
        values: values('peers'),
        ...(this.#absent !== undefined && { absent: this.#absent }),
      };
      const hooks: Peer = { name: 'empty programs', values: nothing };
      const net = values('ours').map((percent, i) => percent - nothing[i]!);
      return [
        figure(`slow-down of ${what}`, '%', values('ours'), peers),
        figure(`slow-down of ${what}, beyond the hooks`, '%', net, hooks, this.#goals(kind, goal)),
      ];
    });
  }

  #goals(kind: LoadKind, goal: SlowedLoad['goal']): readonly Goal[] {
    const noise = median(this.#repeated.get(kind) ?? []);
    const atMost = goal === 'unmeasurable' ? noise && +noise.toPrecision(2) : goal;
    return atMost === undefined || atMost === null ? [] : [{ of: 'ours', atMost }];
  }

  async #with(side: Side, bench: Bench): Promise<Rates | undefined> {
    try {
      return await withAttached(side, bench, () => rates(bench));
    } catch (error) {
      if (errorCode(error) !== 'PEER_UNAVAILABLE') throw error;
      this.#absent = error instanceof Error ? error.message : String(error);
      return undefined;
    }
  }

  #note(side: Side, before: Rates, attached: Rates, after: Rates): void {
    for (const { kind } of LOADS.map(({ load }) => load)) {
      const without = (before.get(kind)! + after.get(kind)!) / 2;
      add(this.#percent[side], kind, 100 * (1 - attached.get(kind)! / without));
      add(this.#repeated, kind, (100 * Math.abs(before.get(kind)! - after.get(kind)!)) / without);
    }
  }
}

function add(percent: Percent, kind: LoadKind, value: number): void {
  percent.set(kind, [...(percent.get(kind) ?? []), value]);
}

/** Operations per second of each load. */
async function rates(bench: Bench): Promise<Rates> {
  const found = new Map<LoadKind, number>();
  for (const { load, by } of LOADS) {
    const result = await bench.run(load);
    found.set(load.kind, result.operations / result[by]);
  }
  return found;
}

async function withAttached<T>(side: Side, bench: Bench, work: () => Promise<T>): Promise<T> {
  const attached: Pick<Attached, 'detach'>[] = [];
  try {
    if (side === 'nothing') {
      const nothing = await startUntimedBaseline(bench);
      attached.push({ detach: () => nothing.stop() });
    } else {
      attached.push(...(await attachAll(side === 'ours' ? [OURS] : PEERS, bench)));
    }
    return await work();
  } finally {
    for (const { detach } of attached) await detach();
  }
}

/** Attaches the contenders. The kernel's accounting, off again afterwards, shows when a tool's programs run. */
async function attachAll(contenders: readonly Contender[], bench: Bench): Promise<readonly Attached[]> {
  const attached: Attached[] = [];
  const baseline = await startBaseline(bench);
  try {
    const provoke = () => bench.run({ kind: 'disk', ...pair, milliseconds: 20 });
    for (const contender of contenders) attached.push(await contender.attach(bench, provoke));
    return attached;
  } catch (error) {
    for (const { detach } of attached) await detach();
    throw error;
  } finally {
    await baseline.stop();
  }
}
