import type { Events } from './events.js';
import type { Random } from './random.js';
import type { Request, Server, Target } from './request.js';
import type { OutsideModel } from './scenario.js';
import { Station } from './station.js';

/** What a fault makes of a service or of something outside. */
export interface Manners {
  /** Times as much of its own kind of work. */
  slow: number;
  /** Seconds before each answer. */
  sleep: number;
  hangs: boolean;
  refuses: boolean;
  failsFast: boolean;
}

export function goodManners(): Manners {
  return { slow: 1, sleep: 0, hangs: false, refuses: false, failsFast: false };
}

/** Something that nobody scales, and whose inside nobody sees. */
export class Outside implements Target, Server {
  readonly manners = goodManners();
  readonly #station: Station;
  /** Requests that wait for the end of a hang. */
  #hung: Request[] = [];

  constructor(
    private readonly events: Events,
    private readonly random: Random,
    private readonly model: OutsideModel,
  ) {
    this.#station = new Station(model.capacity ?? Infinity);
  }

  accept(request: Request, now: number): void {
    const { refuses, hangs, failsFast, slow, sleep } = this.manners;
    if (refuses) {
      request.caller?.failed(request, now);
      return;
    }
    request.server = this;
    request.ok = !failsFast;
    if (hangs) this.#hung.push(request);
    else if (failsFast) request.sleep(this.events, now);
    else {
      const time = this.random.draw(this.model.time) * slow;
      request.sleep(this.events, this.#station.serve(time, now) + sleep);
    }
  }

  left(): void {
    // It works off what was given up.
  }

  woke(request: Request, now: number): void {
    request.caller?.answered(request, request.ok, now);
  }

  /** Answers those that waited for the end of a hang. */
  resume(now: number): void {
    const hung = this.#hung;
    this.#hung = [];
    for (const request of hung) this.woke(request, now);
  }

  computed(): void {
    throw new Error('something outside does not compute here');
  }

  called(): void {
    throw new Error('something outside does not call here');
  }

  pooled(): void {
    throw new Error('something outside has no pools here');
  }
}
