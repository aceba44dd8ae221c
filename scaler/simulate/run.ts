import type { Controller, View } from './controller.js';
import type { Actor } from './events.js';
import type { Order, Outcome, ServiceOutcome } from './outcome.js';
import type { Scenario } from './scenario.js';
import { Observer } from './view.js';
import { World } from './world.js';

/** Runs a scenario from its start to its end. The same scenario and the same controller give the same outcome. */
export function run(scenario: Scenario, controller: Controller): Outcome {
  return runWorld(new World(scenario), controller);
}

/** The same, for those that look into the world meanwhile. */
export function runWorld(world: World, controller: Controller): Outcome {
  const { scenario } = world;
  const loop = new Loop(world, new Observer(world, controller.metersPods === true), controller);
  world.events.run(scenario.length);
  const services = new Map<string, ServiceOutcome>();
  for (const [name, service] of world.services) {
    services.set(name, {
      replicas: service.replicas,
      replicaSeconds: service.replicaSeconds(scenario.length),
    });
  }
  return {
    length: scenario.length,
    bucket: scenario.bucket,
    clients: new Map([...world.ledgers].map(([name, { outcome }]) => [name, outcome])),
    services,
    orders: loop.orders,
    events: world.events.count,
  };
}

/** Calls the controller at its interval, and does as it says. */
class Loop implements Actor {
  readonly orders: Order[] = [];
  readonly #id: number;

  constructor(
    private readonly world: World,
    private readonly view: View,
    private readonly controller: Controller,
  ) {
    this.#id = world.events.add(this);
    world.events.set(this.#id, 0);
  }

  fire(now: number): void {
    const { events, services } = this.world;
    events.set(this.#id, now + this.controller.interval);
    for (const [name, to] of this.controller.decide(this.view, now)) {
      const service = services.get(name)!;
      const from = service.replicas;
      if (from === to) continue;
      this.orders.push({ at: now, service: name, from, to });
      service.scaleTo(to, now);
    }
  }
}
