import type { Controller } from './controller.js';
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
  const { length, bucket } = world.scenario;
  const view = new Observer(world, controller.metersPods === true);
  const orders: Order[] = [];
  for (let round = 0; round * controller.interval <= length; round++) {
    const now = round * controller.interval;
    world.run(now);
    for (const [name, to] of controller.decide(view, now)) {
      const service = world.services.get(name)!;
      const from = service.replicas;
      if (from === to) continue;
      orders.push({ at: now, service: name, from, to });
      service.scaleTo(to, now);
    }
  }
  world.run(length);
  const services = new Map<string, ServiceOutcome>();
  for (const [name, service] of world.services) {
    services.set(name, { replicas: service.replicas, replicaSeconds: service.replicaSeconds(length) });
  }
  const clients = new Map([...world.ledgers].map(([name, { outcome }]) => [name, outcome]));
  return { length, bucket, clients, services, orders, events: world.events };
}
