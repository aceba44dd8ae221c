import type { Samples } from '../core/round.js';
import type { WorkloadKey } from '../core/types.js';
import type { Ledger } from './clients.js';
import type { Latency, PodLoad, PodView, ServiceView, View } from './controller.js';
import { ANSWERED, LATENCY, SERVED } from './counters.js';
import { latencyOf } from './latency.js';
import { Meter } from './meter.js';
import type { Pod } from './pod.js';
import { keyOf, Prometheus } from './samples.js';
import type { Scrapes } from './scrape.js';
import type { Service } from './service.js';
import type { World } from './world.js';

/** Between two polls of metrics-server, seconds: its `--metric-resolution`. */
const POLL = 15;

/** What controllers see of a world. */
export class Observer implements View {
  readonly services: ReadonlyMap<string, ServiceView>;
  readonly #clients: ReadonlyMap<string, ClientWatch>;

  /** @param metersPods reads pods every second */
  constructor(
    private readonly world: World,
    metersPods: boolean,
  ) {
    const prometheus = new Prometheus(world);
    this.services = new Map(
      [...world.services].map(([name, service]) => [
        name,
        new ObservedService(world, service, prometheus, metersPods),
      ]),
    );
    this.#clients = new Map([...world.ledgers].map(([name, ledger]) => [name, new ClientWatch(ledger)]));
  }

  clientLatency(client: string, seconds: number): Latency | undefined {
    return this.#clients.get(client)?.over(seconds, this.world.now);
  }
}

class ObservedService implements ServiceView {
  readonly key: WorkloadKey;
  readonly #scraped: ReadonlyMap<Pod, Scrapes>;
  readonly #meter: Meter | undefined;

  constructor(
    private readonly world: World,
    private readonly service: Service,
    private readonly prometheus: Prometheus,
    metersPods: boolean,
  ) {
    const { model } = service;
    this.key = keyOf(model);
    this.#scraped = world.scraped.get(model.name)!.pods;
    if (metersPods) this.#meter = new Meter(world.calendarOf(model.name), this.#scraped);
  }

  get name(): string {
    return this.service.model.name;
  }

  get replicas(): number {
    return this.service.replicas;
  }

  get request(): number {
    return this.service.model.request;
  }

  get limit(): number | undefined {
    return this.service.model.limit;
  }

  get pods(): readonly PodView[] {
    return this.service.pods.map(
      (pod) => new ObservedPod(pod, this.#scraped.get(pod), this.#meter, this.world.now),
    );
  }

  samples(quantiles: readonly number[] = []): Samples {
    return this.prometheus.samples(this.service, this.world.now, quantiles);
  }

  latency(seconds: number): Latency | undefined {
    const { now, prometheusIsDown } = this.world;
    const rates = prometheusIsDown ? undefined : this.prometheus.rates(this.service, now, seconds);
    if (!rates) return undefined;
    const { sums } = rates;
    const latency = latencyOf(sums, sums[SERVED]!, sums[ANSWERED]!, LATENCY);
    return latency && { ...latency, answered: latency.answered * seconds };
  }
}

class ObservedPod implements PodView {
  constructor(
    private readonly pod: Pod,
    private readonly scrapes: Scrapes | undefined,
    private readonly meter: Meter | undefined,
    private readonly now: number,
  ) {}

  get name(): string {
    return this.pod.name;
  }

  get createdAt(): number {
    return this.pod.createdAt;
  }

  get startedAt(): number | undefined {
    return this.pod.startedAt;
  }

  get ready(): boolean {
    return this.pod.ready;
  }

  get readySince(): number {
    return this.pod.readySince;
  }

  get usage(): PodView['usage'] {
    const polledAt = Math.floor(this.now / POLL) * POLL;
    return this.scrapes?.usage(polledAt);
  }

  over(seconds: number): PodLoad | undefined {
    return this.meter?.over(this.pod, seconds, this.now);
  }
}

interface Mark {
  readonly at: number;
  readonly counts: Float64Array;
  readonly seconds: number;
  readonly answered: number;
}

/** A client's latencies between two times at which it was asked. */
class ClientWatch {
  #marks: Mark[] = [];

  constructor(private readonly ledger: Ledger) {}

  over(seconds: number, now: number): Latency | undefined {
    const { latencies, seconds: sum, answered } = this.ledger;
    const last = this.#marks.findLastIndex(({ at }) => at <= now - seconds);
    this.#marks = this.#marks.slice(Math.max(0, last));
    const [before] = this.#marks;
    this.#marks.push({ at: now, counts: latencies.slice(), seconds: sum, answered });
    if (!before) return latencyOf(latencies, sum, answered);
    const counts = latencies.map((count, bucket) => count - before.counts[bucket]!);
    return latencyOf(counts, sum - before.seconds, answered - before.answered);
  }
}
