import type { Actor, Events } from './events.js';
import type { Nodes } from './nodes.js';
import type { Outside } from './outside.js';
import type { Fault } from './scenario.js';
import type { Service } from './service.js';

/** What faults change. */
export interface Faulty {
  readonly services: ReadonlyMap<string, Service>;
  readonly outside: ReadonlyMap<string, Outside>;
  readonly nodes: Nodes | undefined;
}

/** Begins a fault at its time, and ends it. */
export class FaultSwitch implements Actor {
  readonly #id: number;
  #isOn = false;

  constructor(
    private readonly events: Events,
    private readonly world: Faulty,
    private readonly fault: Fault,
  ) {
    this.#id = events.add(this);
    events.set(this.#id, fault.at);
  }

  fire(now: number): void {
    this.#isOn = !this.#isOn;
    this.#apply(this.#isOn, now);
    const { at, for: length } = this.fault;
    if (this.#isOn && length !== undefined) this.events.set(this.#id, at + length);
  }

  #apply(isOn: boolean, now: number): void {
    const { fault, world } = this;
    const { nodes } = world;
    switch (fault.kind) {
      case 'prometheus':
      case 'scrapes':
        // Scrapes look at the time themselves.
        return;
      case 'neighbours':
        nodes?.crowd(isOn ? fault.cores : 0, now);
        return;
      case 'nodesFull':
        if (nodes) nodes.isFull = isOn;
        if (!isOn) for (const service of world.services.values()) service.startPending(now);
        return;
      case 'slow':
      case 'sleep':
      case 'hang':
      case 'refuse':
      case 'failFast':
        this.#spoil(fault, isOn, now);
        return;
      default:
        this.#burden(fault, world.services.get(fault.service)!, isOn, now);
    }
  }

  #spoil(fault: Extract<Fault, { to: string; kind: Manner }>, isOn: boolean, now: number): void {
    const { services, outside } = this.world;
    const service = services.get(fault.to);
    const peer = service?.work ?? outside.get(fault.to)!;
    switch (fault.kind) {
      case 'slow':
        peer.manners.slow = isOn ? fault.factor : 1;
        break;
      case 'sleep':
        peer.manners.sleep = isOn ? fault.time : 0;
        break;
      case 'refuse':
        peer.manners.refuses = isOn;
        break;
      case 'failFast':
        peer.manners.failsFast = isOn;
        break;
      case 'hang':
        peer.manners.hangs = isOn;
        if (isOn) break;
        outside.get(fault.to)?.resume(now);
        for (const pod of service?.pods ?? []) pod.resume(now);
    }
  }

  #burden(fault: Extract<Fault, { kind: Burden }>, service: Service, isOn: boolean, now: number): void {
    const { work, model } = service;
    switch (fault.kind) {
      case 'cpu':
        work.cpuFactor = isOn ? fault.factor : 1;
        return;
      case 'cpuShare':
        work.cores = isOn ? fault.share * model.request : model.cores;
        break;
      case 'disk':
        work.diskFactor = isOn ? fault.factor : 1;
        return;
      case 'lock':
        work.lockTime = isOn ? fault.time : undefined;
        break;
      case 'pool':
        if (isOn) work.poolSizes.set(fault.to, fault.size);
        else work.poolSizes.delete(fault.to);
        break;
      case 'rollout':
        service.rollOut(fault.cpuFactor, now);
        return;
    }
    service.adapt(now);
  }
}

type Manner = 'slow' | 'sleep' | 'hang' | 'refuse' | 'failFast';
type Burden = 'cpu' | 'cpuShare' | 'disk' | 'lock' | 'pool' | 'rollout';
