import { ClosedClient, Ledger, OpenClient } from './clients.js';
import { Events } from './events.js';
import { FaultSwitch } from './faults.js';
import { Nodes } from './nodes.js';
import { Outside } from './outside.js';
import type { Pod } from './pod.js';
import { Random } from './random.js';
import type { Scenario, ServiceModel } from './scenario.js';
import { Scrapes } from './scrape.js';
import { Service, type Watcher } from './service.js';
import { ServiceWork } from './service-work.js';

/** Everything that a scenario describes, running. */
export class World implements Watcher {
  readonly events = new Events();
  readonly services: ReadonlyMap<string, Service>;
  readonly outside: ReadonlyMap<string, Outside>;
  readonly ledgers: ReadonlyMap<string, Ledger>;
  readonly nodes: Nodes | undefined;
  readonly prometheus = { isDown: false, lost: 0 };
  /** Of the pods that run. */
  readonly scrapes = new Map<Pod, Scrapes>();
  readonly #scraping: Random;

  constructor(readonly scenario: Scenario) {
    const { seed, nodes, services, outside, faults } = scenario;
    this.#scraping = new Random(seed, 'scrapes');
    this.nodes = nodes && new Nodes(nodes);
    this.outside = new Map(
      outside.map((model) => [
        model.name,
        new Outside(this.events, new Random(seed, `outside ${model.name}`), model),
      ]),
    );
    this.services = new Map(services.map((model) => [model.name, this.#service(model)]));
    for (const service of this.services.values()) service.warm(0);
    this.ledgers = this.#clients();
    for (const fault of faults) new FaultSwitch(this.events, this, fault);
  }

  started(pod: Pod): void {
    const isLost = (): boolean =>
      this.prometheus.isDown || (this.prometheus.lost > 0 && this.#scraping.uniform() < this.prometheus.lost);
    const { interval } = this.scenario.scrape;
    this.scrapes.set(pod, new Scrapes(this.events, pod, interval, this.#scraping, isLost));
  }

  ended(pod: Pod): void {
    this.scrapes.get(pod)!.close();
    this.scrapes.delete(pod);
  }

  #service(model: ServiceModel): Service {
    const { seed } = this.scenario;
    const targetOf = (name: string) => this.services.get(name) ?? this.outside.get(name)!;
    const work = new ServiceWork(model, this.events, new Random(seed, `work ${model.name}`), targetOf);
    const routing = new Random(seed, `routing ${model.name}`);
    return new Service(model, work, this.events, routing, this.nodes, this);
  }

  #clients(): Map<string, Ledger> {
    const { clients, seed, length, bucket } = this.scenario;
    return new Map(
      clients.map((model) => {
        const ledger = new Ledger(model.objective.latency, length, bucket);
        const random = new Random(seed, `client ${model.name}`);
        const target = this.services.get(model.to)!;
        const Client = model.kind === 'closed' ? ClosedClient : OpenClient;
        new Client(this.events, random, target, model, ledger);
        return [model.name, ledger];
      }),
    );
  }
}
