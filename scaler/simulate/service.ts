import type { Events } from './events.js';
import { Fifo } from './fifo.js';
import { Life } from './lifecycle.js';
import type { Nodes } from './nodes.js';
import { Pod } from './pod.js';
import type { Random } from './random.js';
import type { Request, Target } from './request.js';
import type { ServiceModel } from './scenario.js';
import type { ServiceWork } from './service-work.js';

/** maxSurge and maxUnavailable of a Deployment. */
const ROLLOUT_SHARE = 0.25;
/** Pods of the start are this old, seconds. */
const WARM_AGE = 3600;

/** What watches pods come and go. */
export interface Watcher {
  started(pod: Pod, now: number): void;
  ended(pod: Pod, now: number): void;
}

/** A service: a Deployment with its Service. */
export class Service implements Target {
  /** `spec.replicas`. */
  replicas = 0;
  /** Those that are not being deleted, oldest first. */
  readonly pods: Pod[] = [];
  /** Those that are being deleted are among them. */
  readonly #lives = new Map<Pod, Life>();
  #endpoints: readonly Pod[] = [];
  readonly #messages = new Fifo<Request>();
  /** CPU factor of each template. */
  readonly #templates = [1];
  #created = 0;
  #existing = 0;
  #replicaSeconds = 0;
  #since = 0;

  constructor(
    readonly model: ServiceModel,
    readonly work: ServiceWork,
    private readonly events: Events,
    private readonly routing: Random,
    private readonly nodes: Nodes | undefined,
    private readonly watcher: Watcher,
  ) {}

  /** Pods that can take requests. */
  get ready(): number {
    return this.#endpoints.length;
  }

  /** Requests and messages that wait for a thread. */
  get waiting(): number {
    return this.pods.reduce((sum, pod) => sum + pod.waiting, this.#messages.size);
  }

  /** Identity of the template of all pods; undefined while there are several. */
  get template(): string | undefined {
    const [first] = this.pods;
    return first && this.pods.every(({ template }) => template === first.template)
      ? `v${first.template}`
      : undefined;
  }

  /** The integral of the pods that run, seconds. */
  replicaSeconds(now: number): number {
    return this.#replicaSeconds + this.#existing * (now - this.#since);
  }

  /** Starts with pods that have run for long. */
  warm(now: number): void {
    this.replicas = this.model.replicas;
    for (let index = 0; index < this.replicas; index++) this.#create(now, true);
  }

  scaleTo(replicas: number, now: number): void {
    this.replicas = replicas;
    this.#reconcile(now);
  }

  rollOut(cpuFactor: number, now: number): void {
    this.#templates.push(cpuFactor);
    this.#reconcile(now);
  }

  /** Follows a change of its work. */
  adapt(now: number): void {
    for (const pod of this.#lives.keys()) pod.adapt(now);
  }

  /** Starts pods for which there was no room. */
  startPending(now: number): void {
    for (const pod of this.pods) {
      if (pod.startedAt === undefined) this.#start(pod, now);
    }
  }

  accept(request: Request, now: number): void {
    if (!request.counted) {
      this.#deliver(request, now);
      return;
    }
    const endpoints = this.#endpoints;
    if (endpoints.length === 0 || this.work.manners.refuses) request.caller?.failed(request, now);
    else endpoints[endpoints.length === 1 ? 0 : this.routing.below(endpoints.length)]!.arrive(request, now);
  }

  left(request: Request, now: number): void {
    request.server?.left(request, now);
  }

  /** A message waits in the queue outside until a thread takes it. */
  #deliver(request: Request, now: number): void {
    const free = this.#endpoints.find(({ threads, work }) => {
      const { threads: count } = work.model;
      return threads.held < (typeof count === 'number' ? count : Math.ceil(work.model.cores));
    });
    if (free) free.arrive(request, now);
    else this.#messages.push(request);
  }

  hasFreeThread(pod: Pod, now: number): void {
    if (this.#messages.size > 0 && pod.ready) pod.arrive(this.#messages.shift()!, now);
  }

  drained(pod: Pod, now: number): void {
    this.#lives.get(pod)?.kill(now);
  }

  readinessChanged(pod: Pod, now: number): void {
    this.#endpoints = this.pods.filter(({ ready }) => ready);
    if (!pod.ready) return;
    for (let waiting = this.#messages.size; waiting > 0; waiting--)
      this.#deliver(this.#messages.shift()!, now);
    this.#reconcile(now);
  }

  gone(pod: Pod, now: number): void {
    this.#lives.delete(pod);
    if (pod.startedAt === undefined) return;
    this.#count(-1, now);
    this.watcher.ended(pod, now);
  }

  #count(change: number, now: number): void {
    this.#replicaSeconds = this.replicaSeconds(now);
    this.#existing += change;
    this.#since = now;
  }

  /** What the Deployment controller does: as many pods as wanted, all of the newest template in the end. */
  #reconcile(now: number): void {
    const { replicas, pods } = this;
    const newest = this.#templates.length - 1;
    const old = pods.filter(({ template }) => template !== newest);
    if (old.length === 0) {
      while (pods.length < replicas) this.#create(now, false);
      for (const pod of this.#victims(pods).slice(0, pods.length - replicas)) this.#delete(pod, now);
      return;
    }
    const most = replicas + Math.ceil(ROLLOUT_SHARE * replicas);
    while (pods.length < most && pods.length - old.length < replicas) this.#create(now, false);
    const least = replicas - Math.floor(ROLLOUT_SHARE * replicas);
    let ready = pods.filter((pod) => pod.ready).length;
    for (const pod of this.#victims(old)) {
      if (pod.ready && ready <= least) continue;
      if (pod.ready) ready--;
      this.#delete(pod, now);
    }
    if (pods.every(({ template }) => template === newest)) this.#reconcile(now);
  }

  /** In the order in which a ReplicaSet deletes them: not ready ones first, then the youngest. */
  #victims(pods: readonly Pod[]): Pod[] {
    return pods.toSorted((a, b) => Number(a.ready) - Number(b.ready) || b.createdAt - a.createdAt);
  }

  #create(now: number, isWarm: boolean): void {
    const template = this.#templates.length - 1;
    const name = `${this.model.name}-${template}-${this.#created++}`;
    const createdAt = isWarm ? now - WARM_AGE : now;
    const pod = new Pod(name, this.work, this, createdAt, template, this.#templates[template]!);
    this.pods.push(pod);
    this.#lives.set(pod, new Life(pod, this.events, this.nodes, this));
    this.#start(pod, now, isWarm);
  }

  #start(pod: Pod, now: number, isWarm = false): void {
    this.#lives.get(pod)!.start(now, isWarm);
    if (pod.startedAt === undefined) return;
    this.#count(1, now);
    this.watcher.started(pod, now);
  }

  #delete(pod: Pod, now: number): void {
    this.pods.splice(this.pods.indexOf(pod), 1);
    this.#endpoints = this.#endpoints.filter((other) => other !== pod);
    this.#lives.get(pod)!.end(now);
  }
}
