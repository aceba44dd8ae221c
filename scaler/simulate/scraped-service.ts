import type { Events } from './events.js';
import type { Pod } from './pod.js';
import type { Random } from './random.js';
import { Scrapes } from './scrape.js';
import type { Watcher } from './service.js';

/** The pods of a service that run, and what Prometheus has of them. */
export class ScrapedService implements Watcher {
  readonly pods = new Map<Pod, Scrapes>();

  /** @param isLost tells whether a scrape is lost */
  constructor(
    private readonly events: Events,
    private readonly interval: number,
    private readonly random: Random,
    private readonly isLost: (now: number) => boolean,
  ) {}

  started(pod: Pod): void {
    const { events, interval, random, isLost } = this;
    this.pods.set(pod, new Scrapes(events, pod, interval, random, isLost));
  }

  ended(pod: Pod): void {
    this.pods.get(pod)!.close();
    this.pods.delete(pod);
  }
}
