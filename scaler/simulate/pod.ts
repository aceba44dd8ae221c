import { BlockedThreads } from './blocked-threads.js';
import {
  Counters,
  DISK,
  IDLE,
  LOCK,
  NETWORK,
  OTHER,
  PEER_COUNTERS,
  PEERS,
  SERVING,
  SLEEP,
} from './counters.js';
import { Gate } from './fifo.js';
import type { Line } from './line.js';
import { PERIOD, PodCpu } from './pod-cpu.js';
import type { Request, Server, Stage } from './request.js';
import { RequestCounts } from './request-counts.js';
import type { ServiceWork } from './service-work.js';

/** CPU time of an answer that is an error, seconds. */
const ERROR_CPU = 0.0005;
/** The first attempt to connect again after a full backlog, seconds; each next takes twice as long (RFC 6298). */
const FIRST_RETRANSMIT = 1;

/** What a pod tells its service. */
export interface Owner {
  /** A thread is free, and no request waits for it. */
  hasFreeThread(pod: Pod, now: number): void;
  /** It ends, and has answered everything. */
  drained(pod: Pod, now: number): void;
}

/** A pod's server: threads, CPU, lock, connections, and the requests in it. */
export class Pod implements Server {
  readonly counters: Counters;
  readonly cpu: PodCpu;
  readonly lines: readonly Line[];
  readonly threads: Gate<Request>;
  readonly #lock = new Gate<Request>(1);
  /** Of an event loop: its one thread. */
  readonly #loop: Gate<Request> | undefined;
  readonly #blocked: BlockedThreads;
  readonly #counts: RequestCounts;
  readonly #threadsOf: number;
  #stages: readonly Stage[];
  #requests: Request | undefined;
  #hung: Request[] = [];
  /** Serves: its start-up is over. */
  isUp = false;
  ready = false;
  readySince: number;
  startedAt: number | undefined;
  isEnding = false;

  constructor(
    readonly name: string,
    readonly work: ServiceWork,
    private readonly owner: Owner,
    readonly createdAt: number,
    readonly template: number,
    private readonly cpuFactor: number,
  ) {
    const { events, random, model } = work;
    const { threads, limit, cores, calls, background, abandoned } = model;
    this.readySince = createdAt;
    this.counters = new Counters(PEERS + calls.length * PEER_COUNTERS);
    this.lines = work.lines(this.counters);
    this.#threadsOf = (typeof threads === 'number' ? threads : 1) + background.length;
    this.threads = new Gate(typeof threads === 'number' ? threads : Infinity);
    if (threads === 'loop') this.#loop = new Gate(1);
    const parallel = threads === 'unbounded' ? Math.ceil(cores) : Infinity;
    const phase = events.now + random.uniform() * PERIOD;
    this.cpu = new PodCpu(events, this.counters, limit ?? Infinity, parallel, work.cores, phase);
    this.#blocked = new BlockedThreads(this.counters, this.cpu, threads);
    this.#counts = new RequestCounts(this.counters, abandoned === 'skip');
    this.#stages = work.stages;
  }

  /** Requests that wait for a thread. */
  get waiting(): number {
    return this.threads.waiting;
  }

  get hasRequests(): boolean {
    return this.#requests !== undefined;
  }

  /** Follows a change of what its service does. */
  adapt(now: number): void {
    this.#stages = this.work.stages;
    this.cpu.grant(this.work.cores, now);
    for (const [index, { to, pool }] of this.work.model.calls.entries()) {
      this.lines[index]!.resize(this.work.poolSizes.get(to) ?? pool ?? Infinity, now);
    }
  }

  arrive(request: Request, now: number): void {
    if (this.threads.waiting >= this.work.model.backlog) {
      request.sleep(this.work.events, now + FIRST_RETRANSMIT * 2 ** request.overflows++);
      return;
    }
    request.server = this;
    request.arrivedAt = now;
    this.#link(request);
    this.#counts.arrived(request, now);
    if (this.threads.take(request)) this.#begin(request, now);
  }

  /** A probe takes a thread and a little CPU. */
  admitProbe(request: Request, cpu: number, now: number): void {
    request.stage = this.#stages.length - 1;
    request.amount = cpu;
    this.arrive(request, now);
  }

  #begin(request: Request, now: number): void {
    const { hangs, failsFast } = this.work.manners;
    request.stages = this.#stages;
    if (this.#counts.isSkipped(request)) this.#finish(request, now);
    else if (hangs) {
      this.#blocked.enter(request, OTHER, now);
      this.#hung.push(request);
    } else if (failsFast) {
      request.ok = false;
      request.stage = this.#stages.length - 1;
      this.#compute(request, ERROR_CPU, now);
    } else if (request.stage > 0) this.#compute(request, request.amount, now);
    else this.#step(request, now);
  }

  #step(request: Request, now: number): void {
    const { work } = this;
    for (;;) {
      switch (request.stages[request.stage++]) {
        case 'before':
          request.cpu = (work.cpu() * this.cpuFactor) / 2;
          this.#compute(request, request.cpu, now);
          return;
        case 'lock':
          if (this.#lock.take(request)) this.#locked(request, now);
          else this.#blocked.enter(request, LOCK, now);
          return;
        case 'disk':
          this.#blocked.enter(request, DISK, now);
          request.sleep(work.events, work.disk(now));
          return;
        case 'sleep':
          this.#blocked.enter(request, SLEEP, now);
          request.sleep(work.events, now + work.sleep());
          return;
        case 'calls':
          this.#blocked.enter(request, NETWORK, now);
          if (this.#call(request, now)) return;
          this.#blocked.leave(request, now);
          if (!request.ok) request.stage = request.stages.length - 1;
          break;
        case 'after':
          this.#compute(request, request.cpu || work.cpu() * this.cpuFactor, now);
          return;
        case 'answer':
          if (this.work.manners.sleep === 0 || !request.ok) {
            this.#finish(request, now);
            return;
          }
          this.#blocked.enter(request, SLEEP, now);
          request.sleep(work.events, now + work.manners.sleep);
          return;
        case undefined:
          this.#finish(request, now);
          return;
      }
    }
  }

  /** @returns true while it waits for a call */
  #call(request: Request, now: number): boolean {
    return this.work.model.order === 'parallel' ? this.#callAll(request, now) : this.#callNext(request, now);
  }

  #callNext(request: Request, now: number): boolean {
    const { calls } = this.work.model;
    for (; request.call < calls.length; request.call++, request.made = 0) {
      const { probability, times } = calls[request.call]!;
      const wanted = request.made > 0 || this.#isWanted(probability);
      if (!wanted || request.made === times) continue;
      request.made++;
      this.lines[request.call]!.ask(request, now);
      return true;
    }
    return false;
  }

  #callAll(request: Request, now: number): boolean {
    // One more than are outstanding, so that one that fails at once does not end it.
    request.pending = 1;
    for (const [index, { probability, times }] of this.work.model.calls.entries()) {
      if (!this.#isWanted(probability)) continue;
      for (let made = 0; made < times; made++) {
        request.pending++;
        this.lines[index]!.ask(request, now);
      }
    }
    return --request.pending > 0;
  }

  #isWanted(probability: number): boolean {
    return probability === 1 || this.work.random.uniform() < probability;
  }

  called(request: Request, ok: boolean, now: number): void {
    if (!ok) request.ok = false;
    if (this.work.model.order === 'parallel') {
      if (--request.pending > 0) return;
    } else if (ok && this.#callNext(request, now)) return;
    this.#blocked.leave(request, now);
    if (!request.ok) request.stage = request.stages.length - 1;
    this.#step(request, now);
  }

  pooled(request: Request, waits: boolean, now: number): void {
    if (this.work.model.order === 'parallel') return;
    this.#blocked.leave(request, now);
    this.#blocked.enter(request, waits ? LOCK : NETWORK, now);
  }

  #compute(request: Request, amount: number, now: number): void {
    request.amount = amount;
    if (this.#loop && !this.#loop.take(request)) return;
    this.cpu.start(request, amount, now);
    this.#blocked.poll(now);
  }

  computed(request: Request, now: number): void {
    const next = this.#loop?.release();
    if (next) this.cpu.start(next, next.amount, now);
    if (request.hasLock) this.#unlock(request, now);
    this.#step(request, now);
    this.#blocked.poll(now);
  }

  #locked(request: Request, now: number): void {
    request.hasLock = true;
    this.#compute(request, this.work.lock(), now);
  }

  #unlock(request: Request, now: number): void {
    request.hasLock = false;
    const next = this.#lock.release();
    if (!next) return;
    this.#blocked.leave(next, now);
    this.#locked(next, now);
  }

  woke(request: Request, now: number): void {
    this.#blocked.leave(request, now);
    this.#step(request, now);
  }

  #finish(request: Request, now: number): void {
    const { caller, counted, ok } = request;
    this.#unlink(request);
    request.server = undefined;
    this.#counts.answered(request, now);
    const next = this.threads.release();
    if (next) this.#begin(next, now);
    else if (!this.isEnding) this.owner.hasFreeThread(this, now);
    if (caller) caller.answered(request, ok, now);
    else if (!counted) request.origin.ended(ok, request.since, now);
    if (this.isEnding && !this.hasRequests) this.owner.drained(this, now);
  }

  left(_request: Request, now: number): void {
    this.#counts.left(now);
  }

  /** Goes on with those that hang. */
  resume(now: number): void {
    const hung = this.#hung;
    this.#hung = [];
    for (const request of hung) if (request.server === this) this.woke(request, now);
  }

  /** Ends it; requests in it are dropped. */
  kill(now: number): void {
    this.cpu.stop(now);
    for (const line of this.lines) line.close();
    const dropped: Request[] = [];
    for (let request = this.#requests; request; request = request.next) dropped.push(request);
    this.#requests = undefined;
    for (const request of dropped) {
      const { caller } = request;
      this.#counts.dropped(request, now);
      request.kill();
      if (caller) caller.failed(request, now);
      else if (!request.counted) request.origin.ended(false, request.since, now);
    }
  }

  /** Writes all counters as a scrape sees them. */
  read(into: Float64Array, now: number): void {
    this.cpu.settle(now);
    this.counters.read(into, now);
    let busy = 0;
    for (let state = 0; state < SERVING; state++) busy += into[state]!;
    into[IDLE] = Math.max(0, this.#threadsOf * (now - this.startedAt!) - busy);
  }

  #link(request: Request): void {
    request.next = this.#requests;
    if (this.#requests) this.#requests.previous = request;
    this.#requests = request;
  }

  #unlink(request: Request): void {
    const { next, previous } = request;
    if (next) next.previous = previous;
    if (previous) previous.next = next;
    else this.#requests = next;
    request.next = undefined;
    request.previous = undefined;
  }
}
