import {
  SENT,
  SENT_ABANDONED,
  SENT_ANSWERED,
  SENT_FAILED,
  SENT_OUTSTANDING,
  WAITED,
  type Counters,
} from './counters.js';
import type { Actor, Events } from './events.js';
import { Fifo, Gate } from './fifo.js';
import { Request, type Caller, type Origin, type Target } from './request.js';

/** A refused request is sent again after this, twice that, and so on, seconds. */
const BACKOFF = 0.1;

interface LineModel {
  readonly timeout?: number | undefined;
  readonly retries: number;
  readonly pool?: number | undefined;
}

/** From one caller (a pod, or a client) to one target: time-outs, retries, the pool of connections, and what is counted. */
export class Line implements Caller, Actor {
  readonly #id: number;
  /** Those with a time-out, in the order of their deadlines; some have ended since. */
  readonly #deadlines = new Fifo<Request>();
  readonly #pool: Gate<Request>;
  /** One that has ended, and that no list of deadlines holds. */
  #spare: Request | undefined;
  #closed = false;

  /** @param first the peer's first counter */
  constructor(
    private readonly events: Events,
    private readonly target: Target,
    private readonly model: LineModel,
    private readonly counters?: Counters,
    private readonly first = 0,
  ) {
    this.#id = events.add(this);
    this.#pool = new Gate(model.pool ?? Infinity);
  }

  /** Changes the number of connections of its pool. */
  resize(size: number, now: number): void {
    this.#pool.capacity = size;
    for (let next = this.#pool.admit(); next; next = this.#pool.admit()) this.#admit(next, now);
  }

  /** @param thought pause of the client since the last response on the connection, seconds */
  ask(origin: Origin, now: number, thought = 0): void {
    const request = this.#spare ?? new Request(this, origin, this.target, now, 0, true);
    if (this.#spare) {
      request.reuse(this, origin, now);
      this.#spare = undefined;
    }
    request.thought = thought;
    if (this.#pool.take(request)) this.#send(request, now);
    else origin.pooled?.(true, now);
  }

  answered(request: Request, ok: boolean, now: number): void {
    if (this.#closed) return;
    this.#end(request, SENT_ANSWERED, now);
    this.counters?.add(this.first + WAITED, now - request.sentAt);
    const { origin, since, attempt } = request;
    if (this.model.timeout === undefined && attempt === 0) this.#spare = request;
    this.#done(origin, ok, since, now);
  }

  failed(request: Request, now: number): void {
    if (this.#closed) return;
    this.#end(request, SENT_FAILED, now);
    const { attempt } = request;
    if (attempt >= this.model.retries) this.#done(request.origin, false, request.since, now);
    else this.#send(this.#again(request), now, BACKOFF * 2 ** attempt);
  }

  /** Gives up what has waited too long. */
  fire(now: number): void {
    const { timeout, retries } = this.model;
    for (;;) {
      const request = this.#deadlines.first;
      if (!request) return;
      if (request.caller === this) {
        const deadline = request.sentAt + timeout!;
        if (deadline > now) {
          this.events.set(this.#id, deadline);
          return;
        }
        this.#end(request, SENT_ABANDONED, now);
        request.target.left(request, now);
        if (request.attempt >= retries) this.#done(request.origin, false, request.since, now);
        else this.#send(this.#again(request), now);
      }
      this.#deadlines.shift();
    }
  }

  /** Its caller has ended. */
  close(): void {
    this.#closed = true;
    this.events.remove(this.#id);
  }

  #again({ origin, since, attempt }: Request): Request {
    return new Request(this, origin, this.target, since, attempt + 1, true);
  }

  #send(request: Request, now: number, delay = 0): void {
    request.sentAt = now + delay;
    this.counters?.add(this.first + SENT, 1);
    this.counters?.enter(this.first + SENT_OUTSTANDING, now);
    const { timeout } = this.model;
    if (timeout !== undefined) {
      if (!this.#deadlines.first) this.events.set(this.#id, request.sentAt + timeout);
      this.#deadlines.push(request);
    }
    if (delay > 0) request.sleep(this.events, now + delay);
    else this.target.accept(request, now);
  }

  #end(request: Request, outcome: number, now: number): void {
    request.caller = undefined;
    this.counters?.add(this.first + outcome, 1);
    this.counters?.leave(this.first + SENT_OUTSTANDING, now);
  }

  #done(origin: Origin, ok: boolean, since: number, now: number): void {
    const next = this.#pool.release();
    origin.ended(ok, since, now);
    if (next) this.#admit(next, now);
  }

  #admit(request: Request, now: number): void {
    request.origin.pooled?.(false, now);
    this.#send(request, now);
  }
}
