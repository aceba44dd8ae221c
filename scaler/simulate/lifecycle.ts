import type { Actor, Events } from './events.js';
import { BackgroundThread } from './background.js';
import type { Nodes } from './nodes.js';
import type { Pod } from './pod.js';
import { Probe } from './probe.js';
import type { Request } from './request.js';

/** Kubelet's grace for a pod that ends, seconds. */
const GRACE = 30;
/** CPU time of a readiness probe is that of a request without work: nothing to speak of. */
const PROBE_CPU = 0.0005;

export interface Lives {
  /** It can take requests, or can no longer. */
  readinessChanged(pod: Pod, now: number): void;
  gone(pod: Pod, now: number): void;
}

/** From the creation of a pod to its end: its start-up, its readiness probe, its threads beside the server. */
export class Life implements Actor {
  readonly #timer: number;
  readonly #background: BackgroundThread[] = [];
  #probe: Probe | undefined;
  #isGone = false;

  constructor(
    readonly pod: Pod,
    private readonly events: Events,
    private readonly nodes: Nodes | undefined,
    private readonly lives: Lives,
  ) {
    this.#timer = events.add(this);
  }

  /** Starts it, if a node has room for it. @param isWarm it has been up for a long time */
  start(now: number, isWarm = false): void {
    const { pod, events, nodes } = this;
    if (pod.startedAt !== undefined || (nodes && !nodes.place(pod, now))) return;
    pod.startedAt = now;
    const { startup, startupCpu, background } = pod.work.model;
    for (const thread of background) {
      const firstAt = now + pod.work.random.uniform() * thread.every;
      this.#background.push(new BackgroundThread(events, pod, thread, firstAt));
    }
    if (isWarm || startup === 0) this.#up(now, isWarm);
    else {
      const startingUp = { finish: 0, serving: false, computed: (): void => undefined };
      if (startupCpu > 0) pod.cpu.start(startingUp, startupCpu, now);
      events.set(this.#timer, now + startup);
    }
  }

  fire(now: number): void {
    if (this.pod.isEnding) this.kill(now);
    else this.#up(now, false);
  }

  #up(now: number, isWarm: boolean): void {
    const { pod } = this;
    const { readiness } = pod.work.model;
    pod.isUp = true;
    if (readiness) {
      const firstAt = isWarm ? now + pod.work.random.uniform() * readiness.period : now;
      this.#probe = new Probe(this.events, readiness, this, firstAt);
    }
    if (!readiness || isWarm) this.judged(true, now);
  }

  probe(request: Request, now: number): void {
    const { pod } = this;
    if (pod.work.manners.refuses) request.origin.ended(false, request.since, now);
    else pod.admitProbe(request, PROBE_CPU, now);
  }

  judged(ready: boolean, now: number): void {
    const { pod } = this;
    if (pod.ready === ready || pod.isEnding) return;
    pod.ready = ready;
    pod.readySince = now;
    this.lives.readinessChanged(pod, now);
  }

  /** Takes it out of the endpoints, lets it answer what it has, then ends it. */
  end(now: number): void {
    const { pod } = this;
    pod.isEnding = true;
    pod.ready = false;
    this.#probe?.close();
    this.#probe = undefined;
    if (pod.hasRequests) this.events.set(this.#timer, now + GRACE);
    else this.kill(now);
  }

  kill(now: number): void {
    if (this.#isGone) return;
    this.#isGone = true;
    for (const thread of this.#background) thread.close();
    this.events.remove(this.#timer);
    this.pod.kill(now);
    this.nodes?.remove(this.pod);
    this.lives.gone(this.pod, now);
  }
}
