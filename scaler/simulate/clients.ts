import { bucketOf, BUCKETS } from './counters.js';
import type { Actor, Events } from './events.js';
import { Line } from './line.js';
import type { ClientOutcome } from './outcome.js';
import type { Profile } from './profile.js';
import type { Random } from './random.js';
import { Request, type Origin, type Target } from './request.js';
import type { ClientModel } from './scenario.js';

/** Counts what becomes of a client's requests. */
export class Ledger {
  readonly outcome: ClientOutcome;
  /** Cumulative, for those that watch the client. */
  readonly latencies = new Float64Array(BUCKETS);
  answered = 0;
  seconds = 0;
  /** The longest latency, seconds. */
  longest = 0;

  constructor(
    private readonly objective: number,
    length: number,
    private readonly bucket: number,
  ) {
    const buckets = Math.ceil(length / bucket) + 1;
    this.outcome = {
      sent: new Uint32Array(buckets),
      inTime: new Uint32Array(buckets),
      late: new Uint32Array(buckets),
      failed: new Uint32Array(buckets),
      seconds: new Float64Array(buckets),
    };
  }

  sent(now: number): void {
    this.outcome.sent[Math.floor(now / this.bucket)]!++;
  }

  ended(ok: boolean, since: number, now: number): void {
    const index = Math.floor(since / this.bucket);
    const { inTime, late, failed, seconds } = this.outcome;
    if (!ok) {
      failed[index]!++;
      return;
    }
    const latency = now - since;
    if (latency <= this.objective) inTime[index]!++;
    else late[index]!++;
    seconds[index]! += latency;
    this.seconds += latency;
    this.answered++;
    this.latencies[bucketOf(latency)]!++;
    this.longest = Math.max(this.longest, latency);
  }
}

/** Requests per second that come whatever becomes of them; a Poisson process whose rate changes in steps, or an even one. */
export class OpenClient implements Actor, Origin {
  readonly #id: number;
  readonly #line: Line;
  #step = 0;

  constructor(
    private readonly events: Events,
    private readonly random: Random,
    private readonly target: Target,
    private readonly model: ClientModel,
    private readonly ledger: Ledger,
  ) {
    this.#id = events.add(this);
    this.#line = new Line(events, target, model);
    this.#plan(0);
  }

  fire(now: number): void {
    this.#plan(now);
    for (let count = this.model.batch; count > 0; count--) {
      this.ledger.sent(now);
      if (this.model.kind === 'queue')
        this.target.accept(new Request(undefined, this, this.target, now, 0, false), now);
      else this.#line.ask(this, now);
    }
  }

  ended(ok: boolean, since: number, now: number): void {
    this.ledger.ended(ok, since, now);
  }

  /** Spends what an exponential number (or 1) allows over the steps of the load. */
  #plan(now: number): void {
    const { load, arrivals, batch } = this.model;
    let left = batch * (arrivals === 'even' ? 1 : this.random.exponential(1));
    let at = now;
    for (;;) {
      const rate = load[this.#step]!.value;
      const end = load[this.#step + 1]?.from ?? Infinity;
      if (rate > 0 && at + left / rate <= end) {
        this.events.set(this.#id, at + left / rate);
        return;
      }
      if (end === Infinity) return;
      left -= rate * (end - at);
      at = end;
      this.#step++;
    }
  }
}

/** One who asks, waits for the answer, and thinks. */
class User implements Actor, Origin {
  readonly #id: number;
  #answeredAt = NaN;
  isLeaving = false;

  constructor(private readonly client: ClosedClient) {
    this.#id = client.events.add(this);
  }

  start(at: number): void {
    this.client.events.set(this.#id, at);
  }

  fire(now: number): void {
    const { client } = this;
    if (this.isLeaving) {
      client.events.remove(this.#id);
      return;
    }
    client.ledger.sent(now);
    const thought = client.model.keepAlive && now - this.#answeredAt;
    client.line.ask(this, now, thought || 0);
  }

  ended(ok: boolean, since: number, now: number): void {
    const { client } = this;
    client.ledger.ended(ok, since, now);
    // A failure ends the connection.
    this.#answeredAt = ok ? now : NaN;
    this.start(now + client.random.draw(client.model.think));
  }
}

/** Users whose number changes in steps. */
export class ClosedClient implements Actor {
  readonly line: Line;
  readonly #id: number;
  readonly #users: User[] = [];
  #step = 0;

  constructor(
    readonly events: Events,
    readonly random: Random,
    target: Target,
    readonly model: ClientModel,
    readonly ledger: Ledger,
  ) {
    this.#id = events.add(this);
    this.line = new Line(events, target, model);
    events.set(this.#id, 0);
  }

  fire(now: number): void {
    const { load, think } = this.model;
    const wanted = Math.round(load[this.#step++]!.value);
    while (this.#users.length > wanted) this.#users.pop()!.isLeaving = true;
    while (this.#users.length < wanted) {
      const user = new User(this);
      this.#users.push(user);
      user.start(now + this.random.uniform() * think.mean);
    }
    const next: Profile[number] | undefined = load[this.#step];
    if (next) this.events.set(this.#id, next.from);
  }
}
