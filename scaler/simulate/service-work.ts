import { PEER_COUNTERS, PEERS, type Counters } from './counters.js';
import type { Events } from './events.js';
import { Line } from './line.js';
import { goodManners } from './outside.js';
import type { Random } from './random.js';
import type { Stage, Target } from './request.js';
import type { CallModel, ServiceModel, Spread } from './scenario.js';
import { Station } from './station.js';

/** What all pods of a service share: the program that requests run through, the disk, and what faults make of them. */
export class ServiceWork {
  readonly manners = goodManners();
  cpuFactor = 1;
  diskFactor = 1;
  /** CPUs that a pod can use at once. */
  cores: number;
  /** CPU time under the lock that a fault imposes, seconds. */
  lockTime: number | undefined;
  /** Size of the pool of connections that a fault imposes, by callee. */
  readonly poolSizes = new Map<string, number>();
  readonly #disk = new Station(1);

  /** @param targetOf finds a service, or something outside, by name */
  constructor(
    readonly model: ServiceModel,
    readonly events: Events,
    readonly random: Random,
    private readonly targetOf: (name: string) => Target,
  ) {
    this.cores = model.cores;
  }

  /** Stages in order. */
  get stages(): readonly Stage[] {
    const { work, calls } = this.model;
    const waits: Stage[] = [];
    if (work.lock || this.lockTime !== undefined) waits.push('lock');
    if (work.disk) waits.push('disk');
    if (work.sleep) waits.push('sleep');
    if (calls.length > 0) waits.push('calls');
    return waits.length > 0 ? ['before', ...waits, 'after', 'answer'] : ['after', 'answer'];
  }

  /** CPU time of a request outside of the lock, seconds. */
  cpu(): number {
    return this.random.draw(this.model.work.cpu) * this.cpuFactor;
  }

  lock(): number {
    return this.lockTime ?? this.draw(this.model.work.lock);
  }

  sleep(): number {
    return this.draw(this.model.work.sleep);
  }

  /** @returns when a request that comes to the disk now is done with it */
  disk(now: number): number {
    return this.#disk.serve(this.draw(this.model.work.disk) * this.diskFactor, now);
  }

  draw(spread: Spread | undefined): number {
    return spread ? this.random.draw(spread) : 0;
  }

  /** The connections of a new pod. */
  lines(counters: Counters): Line[] {
    return this.model.calls.map((call, index) => {
      const model: CallModel = { ...call, pool: this.poolSizes.get(call.to) ?? call.pool };
      return new Line(this.events, this.targetOf(call.to), model, counters, PEERS + index * PEER_COUNTERS);
    });
  }
}
