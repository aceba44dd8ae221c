import type { PodView } from './controller.js';
import { ONCPU } from './counters.js';
import type { Actor, Events } from './events.js';
import type { Pod } from './pod.js';
import type { Random } from './random.js';

/** Scrapes that are kept: a window of 60 s with what lies before it. */
const KEPT = 8;
/** Samples of the kubelet that are kept: two, and those after metrics-server's last poll. */
const KEPT_USAGE = 4;
/** A sample counts at either end of a range as long as it is not further away than this many intervals (Prometheus). */
const EXTRAPOLATION = 1.1;

/** What Prometheus has of one pod: the last scrapes of its counters, each interval at a phase of its own. */
export class Scrapes implements Actor {
  readonly #id: number;
  readonly #times = new Float64Array(KEPT).fill(-Infinity);
  readonly #rows: Float64Array[];
  /** Times and CPU seconds in turn. */
  readonly #usage = new Float64Array(2 * KEPT_USAGE);
  #sampled = 0;
  #count = 0;
  /** Time of the first scrape, seconds; Infinity before it. */
  firstAt = Infinity;

  /** @param isLost tells whether a scrape is lost */
  constructor(
    private readonly events: Events,
    private readonly pod: Pod,
    private readonly interval: number,
    random: Random,
    private readonly isLost: (now: number) => boolean,
  ) {
    this.#rows = Array.from({ length: KEPT }, () => new Float64Array(pod.counters.size));
    this.#id = events.add(this);
    events.set(this.#id, events.now + random.uniform() * interval);
  }

  fire(now: number): void {
    this.events.set(this.#id, now + this.interval);
    this.#sample(now);
    if (this.isLost(now)) return;
    const place = this.#count++ % KEPT;
    this.#times[place] = now;
    this.pod.read(this.#rows[place]!, now);
    if (this.firstAt === Infinity) this.firstAt = now;
  }

  /** The kubelet's sample, which metrics-server reads: none of Prometheus' business. */
  #sample(now: number): void {
    this.pod.cpu.settle(now);
    const place = 2 * (this.#sampled++ % KEPT_USAGE);
    this.#usage[place] = now;
    this.#usage[place + 1] = this.pod.counters.at(ONCPU, now);
  }

  #usageAt(back: number): { at: number; seconds: number } {
    const place = 2 * ((this.#sampled - back) % KEPT_USAGE);
    return { at: this.#usage[place]!, seconds: this.#usage[place + 1]! };
  }

  close(): void {
    this.events.remove(this.#id);
  }

  /** Time of the newest scrape that is not after `now`. */
  newest(now: number): number | undefined {
    const row = this.#last(now);
    return row === undefined ? undefined : this.#times[row];
  }

  /** CPU used between the newest two of the kubelet's samples that are not after `until`. */
  usage(until: number): PodView['usage'] {
    for (let back = 1; back < Math.min(KEPT_USAGE, this.#sampled); back++) {
      const last = this.#usageAt(back);
      if (last.at > until) continue;
      const before = this.#usageAt(back + 1);
      const window = last.at - before.at;
      return { cores: (last.seconds - before.seconds) / window, timestamp: last.at, window };
    }
    return undefined;
  }

  /**
   * Adds Prometheus' `rate` over the range that ends at `now` to `sums`, counter by counter.
   *
   * Source: extrapolatedRate in promql/functions.go of Prometheus 3.
   *
   * @param visible time of the newest scrape that Prometheus can have
   * @returns false with fewer than two scrapes in the range
   */
  addRates(sums: Float64Array, now: number, range: number, visible: number): boolean {
    const last = this.#last(visible);
    const [first, samples] = this.#first(now - range, visible);
    if (last === undefined || samples < 2) return false;
    const firstAt = this.#times[first]!;
    const lastAt = this.#times[last]!;
    const sampled = lastAt - firstAt;
    const between = sampled / (samples - 1);
    const limit = between * EXTRAPOLATION;
    const toEnd = now - lastAt < limit ? now - lastAt : between / 2;
    const toStart = firstAt - (now - range) < limit ? firstAt - (now - range) : between / 2;
    const begin = this.#rows[first]!;
    const end = this.#rows[last]!;
    for (let index = 0; index < sums.length; index++) {
      const increase = end[index]! - begin[index]!;
      if (increase <= 0) continue;
      // Never below zero before the first sample: the counter cannot have begun there.
      const toZero = sampled * (begin[index]! / increase);
      const factor = (sampled + toEnd + Math.min(toStart, toZero)) / sampled;
      sums[index]! += (increase * factor) / range;
    }
    return true;
  }

  /** Place of the newest scrape that is not after a time. */
  #last(time: number): number | undefined {
    for (let back = 1; back <= Math.min(KEPT, this.#count); back++) {
      const place = (this.#count - back) % KEPT;
      if (this.#times[place]! <= time) return place;
    }
    return undefined;
  }

  /** Place of the oldest scrape in a range without its beginning, and the number of scrapes in it. */
  #first(after: number, until: number): [place: number, samples: number] {
    let first = 0;
    let samples = 0;
    for (let back = 1; back <= Math.min(KEPT, this.#count); back++) {
      const place = (this.#count - back) % KEPT;
      const time = this.#times[place]!;
      if (time > until) continue;
      if (time <= after) break;
      first = place;
      samples++;
    }
    return [first, samples];
  }
}
