import { ClosedClient, Ledger, OpenClient } from './clients.js';
import { componentsOf } from './components.js';
import { Events } from './events.js';
import { FaultSwitch } from './faults.js';
import { Nodes } from './nodes.js';
import { Outside } from './outside.js';
import { Random } from './random.js';
import type { Fault, OutsideModel, Scenario, ServiceModel } from './scenario.js';
import { ScrapedService } from './scraped-service.js';
import { Service } from './service.js';
import { ServiceWork } from './service-work.js';

/** Everything that a scenario describes, running. */
export class World {
  readonly services: ReadonlyMap<string, Service>;
  readonly outside: ReadonlyMap<string, Outside>;
  readonly ledgers: ReadonlyMap<string, Ledger>;
  /** What Prometheus knows of each service. */
  readonly scraped: ReadonlyMap<string, ScrapedService>;
  readonly nodes: Nodes | undefined;
  /** Seconds since the start. */
  now = 0;
  readonly #components: ReadonlyMap<string, number>;
  /** One calendar for each group of services that affect each other. */
  readonly #calendars: readonly Events[];

  constructor(readonly scenario: Scenario) {
    const { nodes, services, outside, faults } = scenario;
    this.nodes = nodes && new Nodes(nodes);
    this.#components = componentsOf(scenario);
    this.#calendars = Array.from({ length: Math.max(...this.#components.values()) + 1 }, () => new Events());
    this.scraped = new Map(services.map((model) => [model.name, this.#scraped(model)]));
    this.outside = new Map(outside.map((model) => [model.name, this.#outside(model)]));
    this.services = new Map(services.map((model) => [model.name, this.#service(model)]));
    for (const service of this.services.values()) service.warm(0);
    this.ledgers = this.#clients();
    for (const fault of faults) this.#plan(fault);
  }

  /** Number of events that have happened. */
  get events(): number {
    return this.#calendars.reduce((sum, { count }) => sum + count, 0);
  }

  /** True while Prometheus answers nothing, and scrapes nothing. */
  get prometheusIsDown(): boolean {
    return lostShare(this.scenario, this.now) === 1;
  }

  /** Lets everything happen up to a time, that time included. */
  run(until: number): void {
    for (const calendar of this.#calendars) calendar.run(until);
    this.now = until;
  }

  calendarOf(name: string): Events {
    return this.#calendars[this.#components.get(name)!]!;
  }

  #scraped({ name }: ServiceModel): ScrapedService {
    const { seed, scrape } = this.scenario;
    const random = new Random(seed, `scrapes ${name}`);
    const isLost = (now: number): boolean => {
      const share = lostShare(this.scenario, now);
      return share > 0 && random.uniform() < share;
    };
    return new ScrapedService(this.calendarOf(name), scrape.interval, random, isLost);
  }

  #outside(model: OutsideModel): Outside {
    const random = new Random(this.scenario.seed, `outside ${model.name}`);
    return new Outside(this.calendarOf(model.name), random, model);
  }

  #service(model: ServiceModel): Service {
    const { seed } = this.scenario;
    const { name } = model;
    const events = this.calendarOf(name);
    const targetOf = (peer: string) => this.services.get(peer) ?? this.outside.get(peer)!;
    const work = new ServiceWork(model, events, new Random(seed, `work ${name}`), targetOf);
    const routing = new Random(seed, `routing ${name}`);
    return new Service(model, work, events, routing, this.nodes, this.scraped.get(name)!);
  }

  #clients(): Map<string, Ledger> {
    const { clients, seed, length, bucket } = this.scenario;
    return new Map(
      clients.map((model) => {
        const ledger = new Ledger(model.objective.latency, length, bucket);
        const random = new Random(seed, `client ${model.name}`);
        const Client = model.kind === 'closed' ? ClosedClient : OpenClient;
        new Client(this.calendarOf(model.to), random, this.services.get(model.to)!, model, ledger);
        return [model.name, ledger];
      }),
    );
  }

  #plan(fault: Fault): void {
    const where =
      'service' in fault ? fault.service : 'to' in fault ? fault.to : this.scenario.services[0]!.name;
    new FaultSwitch(this.calendarOf(where), this, fault);
  }
}

/** Share of the scrapes that are lost at a time; 1 while Prometheus is down. */
function lostShare({ faults }: Scenario, now: number): number {
  let lost = 0;
  for (const fault of faults) {
    if (now < fault.at || now >= fault.at + (fault.for ?? Infinity)) continue;
    if (fault.kind === 'prometheus') return 1;
    if (fault.kind === 'scrapes') lost = fault.share;
  }
  return lost;
}
