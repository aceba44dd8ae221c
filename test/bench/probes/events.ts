import { errorCode, errorMessage } from '../../../common/errors.js';
import { added, type Runs } from './accounting.js';
import { startBaseline, type Baseline } from './baseline.js';
import type { Bench, Measure } from './bench.js';
import { OURS, type Contender } from './contenders.js';
import type { EventCost, EventLoad } from './event-costs.js';
import { figure, type Figure, type Peer } from './rows.js';

const PROVOKE_MS = 20;
/** Cost of an empty program on a hook that did not run. */
const NO_COST: Runs = { runs: 1, nanoseconds: 0 };

/** Measures the nanoseconds per event of ours and of each peer in every round. */
export class EventMeasure implements Measure {
  readonly name: string;
  readonly needs: readonly string[];
  readonly #contenders: readonly Contender[];
  readonly #values = new Map<string, number[]>();
  readonly #absent = new Map<string, string>();

  constructor(private readonly cost: EventCost) {
    this.name = cost.name;
    this.needs = cost.together ? [cost.together.variantTarget] : [];
    this.#contenders = [OURS, ...(cost.together ? [cost.together.variant] : []), ...cost.peers];
  }

  async round(bench: Bench): Promise<void> {
    const baseline = await startBaseline(bench);
    try {
      for (const contender of this.#contenders)
        if (!this.#absent.has(contender.name)) await this.#compete(contender, bench, baseline);
    } finally {
      await baseline.stop();
    }
  }

  figures(): readonly Figure[] {
    return this.cost.loads.flatMap((load) => [
      ...this.cost.peers.map(({ name }, i) =>
        figure(
          load.what,
          'ns',
          this.#valuesOf(OURS, load),
          this.#peer(name, load),
          i === 0 ? load.goals : [],
        ),
      ),
      ...this.#together(load),
    ]);
  }

  async #compete(contender: Contender, bench: Bench, baseline: Baseline): Promise<void> {
    const { loads, probe, hook, units } = this.cost;
    const provoke = () => bench.run({ ...loads[0]!.load, milliseconds: PROVOKE_MS });
    try {
      const attached = await contender.attach(bench, provoke);
      try {
        for (const { what, load } of loads) {
          const before = attached.accounts(probe);
          const { result, empty } = await baseline.during(hook, () => bench.run(load));
          const spent = added(before, attached.accounts(probe));
          const value = net(spent, empty) / units(empty.runs, result.operations);
          this.#of(contender.name, what).push(value);
        }
      } finally {
        await attached.detach();
      }
    } catch (error) {
      if (errorCode(error) !== 'PEER_UNAVAILABLE') throw error;
      this.#absent.set(contender.name, errorMessage(error));
    }
  }

  #together(load: EventLoad): Figure[] {
    const { together } = this.cost;
    if (!together) return [];
    const peers = together.peers.map((name) => this.#peer(name, load));
    const absent = peers.find((peer) => peer.absent !== undefined);
    const rounds = Math.min(...peers.map(({ values }) => values.length));
    const peer: Peer = {
      name: together.peers.join(' + '),
      values: Array.from({ length: rounds }, (_, i) =>
        peers.reduce((sum, { values }) => sum + values[i]!, 0),
      ),
      ...(absent && { absent: `${absent.name}: ${absent.absent!}` }),
    };
    const { variant, variantGoals } = together;
    return [
      figure(load.what, 'ns', this.#valuesOf(OURS, load), peer, together.ours),
      figure(`${load.what}, ${variant.name}`, 'ns', this.#valuesOf(variant, load), peer, variantGoals),
    ];
  }

  #valuesOf(contender: Contender, load: EventLoad): readonly number[] {
    return this.#of(contender.name, load.what);
  }

  #peer(name: string, load: EventLoad): Peer {
    const absent = this.#absent.get(name);
    return { name, values: this.#of(name, load.what), ...(absent !== undefined && { absent }) };
  }

  #of(contender: string, what: string): number[] {
    const key = `${contender}: ${what}`;
    const known = this.#values.get(key) ?? [];
    this.#values.set(key, known);
    return known;
  }
}

/** Subtracts the cost of as many empty runs, which the kernel's accounting causes. */
function net(spent: Runs, empty: Runs): number {
  const { runs, nanoseconds } = empty.runs > 0 ? empty : NO_COST;
  return spent.nanoseconds - spent.runs * (nanoseconds / runs);
}
