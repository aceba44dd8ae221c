import type { Actor, Events } from './events.js';
import type { Job } from './pod-cpu.js';

/** Who wants an answer. */
export interface Origin {
  /** @param since time at which it first asked; retries do not change it */
  ended(ok: boolean, since: number, now: number): void;
  /** Waits for a connection of its pool, or no longer. */
  pooled?(waits: boolean, now: number): void;
}

/** Where requests go: a service, or something outside. */
export interface Target {
  accept(request: Request, now: number): void;
  /** The client has gone. */
  left(request: Request, now: number): void;
}

/** The client's end of a request. */
export interface Caller {
  answered(request: Request, ok: boolean, now: number): void;
  /** Without an answer: the connection was refused, or ended by the peer. */
  failed(request: Request, now: number): void;
}

/** What works on a request. */
export interface Server {
  computed(request: Request, now: number): void;
  woke(request: Request, now: number): void;
  called(request: Request, ok: boolean, now: number): void;
  pooled(request: Request, waits: boolean, now: number): void;
  left(request: Request, now: number): void;
}

/** What a request goes through at a service. */
export type Stage = 'before' | 'lock' | 'disk' | 'sleep' | 'calls' | 'after' | 'answer';

const NO_STAGES: readonly Stage[] = [];

/** A request on its way, or at a server. */
export class Request implements Job, Actor, Origin {
  finish = 0;
  /** Undefined while it is not at a server. */
  server: Server | undefined;
  sentAt = 0;
  arrivedAt = 0;
  /** The program of its service, as it was when it began, and its place in it. */
  stages = NO_STAGES;
  stage = 0;
  /** CPU time after what it waits for, and of the stage that it is in. */
  cpu = 0;
  amount = 0;
  /** Calls: the next one, how often it was made, and those outstanding. */
  call = 0;
  made = 0;
  pending = 0;
  ok = true;
  /** Thread state that it is blocked in; -1: none. */
  blocked = -1;
  hasLock = false;
  /** Pause of its client before it, seconds. */
  thought = 0;
  /** Refused for a full backlog, this many times. */
  overflows = 0;
  /** Neighbours among the requests of its server. */
  next: Request | undefined;
  previous: Request | undefined;
  #timer = -1;
  #events: Events | undefined;

  /**
   * @param caller undefined once nobody waits for the answer
   * @param counted false for what the exporter does not take for a request: probes, messages of a queue
   * @param attempt 0 for the first
   */
  constructor(
    public caller: Caller | undefined,
    public origin: Origin,
    readonly target: Target,
    public since: number,
    readonly attempt: number,
    readonly counted: boolean,
  ) {}

  /** Makes it another request of the same caller, in the memory that the processor has at hand. */
  reuse(caller: Caller, origin: Origin, since: number): void {
    this.caller = caller;
    this.origin = origin;
    this.since = since;
    this.stage = 0;
    this.cpu = 0;
    this.call = 0;
    this.made = 0;
    this.ok = true;
    this.overflows = 0;
  }

  get serving(): boolean {
    return this.counted;
  }

  /** Wakes its server, or its target while it has none, at a time. */
  sleep(events: Events, until: number): void {
    if (this.#timer < 0) this.#timer = events.add(this);
    this.#events = events;
    events.set(this.#timer, until);
  }

  fire(now: number): void {
    this.#events!.remove(this.#timer);
    this.#timer = -1;
    if (this.server) this.server.woke(this, now);
    else if (this.caller) this.target.accept(this, now);
  }

  computed(now: number): void {
    this.server?.computed(this, now);
  }

  ended(ok: boolean, _since: number, now: number): void {
    this.server?.called(this, ok, now);
  }

  pooled(waits: boolean, now: number): void {
    this.server?.pooled(this, waits, now);
  }

  /** Nothing that still happens to it has an effect: its server has ended. */
  kill(): void {
    this.server = undefined;
    this.caller = undefined;
    if (this.#timer >= 0) this.#events!.remove(this.#timer);
    this.#timer = -1;
  }
}
