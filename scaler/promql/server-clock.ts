import type { Logger } from '../../common/log.js';
import { monotonic } from '../../common/monotonic.js';
import { CLOCK_TOLERANCE } from '../core/time.js';

/** The header `Date` tells whole seconds. */
const GRAIN = 1;

interface OwnClocks {
  /** Seconds since the epoch; set by people, and by NTP. */
  readonly wall: () => number;
  /** Seconds since any time; only ever goes on. */
  readonly ticks: () => number;
}

const PROCESS: OwnClocks = { wall: () => Date.now() / 1000, ticks: monotonic };

/**
 * Prometheus' own clock: it stamps the samples, so queries are timed by it. Between answers it goes on in monotonic time,
 * so that nothing happens when this machine's clock is set.
 *
 * Each answer bounds how far Prometheus' clock is ahead of the monotonic one. While this machine's clock is within the
 * bounds it is used as it is, because it is finer than a `Date`.
 */
export class ServerClock {
  /** Bounds of Prometheus' clock minus the monotonic one, seconds. */
  #low = -Infinity;
  #high = Infinity;
  /** The latest time that its answers told. */
  #latest = -Infinity;
  #isNamed = false;

  constructor(
    private readonly log: Pick<Logger, 'info' | 'warn'>,
    private readonly own: OwnClocks = PROCESS,
  ) {}

  /** Seconds since the epoch. */
  now(): number {
    return this.own.ticks() + this.offset();
  }

  /** Monotonic time, seconds. */
  ticks(): number {
    return this.own.ticks();
  }

  /** Seconds by which it is ahead of the monotonic time; constant unless a clock is set. */
  offset(): number {
    return Math.min(Math.max(this.#ownOffset(), this.#low), this.#high);
  }

  /** Seconds by which this machine's clock is ahead of it; undefined before the first answer. */
  skew(): number | undefined {
    return this.#high === Infinity ? undefined : this.#ownOffset() - this.offset();
  }

  /** True while it passes times for the second time: Prometheus may return what it recorded at the first. */
  repeats(): boolean {
    return this.#latest - this.now() > CLOCK_TOLERANCE;
  }

  problems(): string[] {
    const repeating = `Prometheus' clock was set back: for ${Math.round(this.#latest - this.now())} s more its data may be of the past, and replicas do not go down; if that data is deleted, restart the scaler.`;
    return [...this.#skewProblem(), ...(this.repeats() ? [repeating] : [])];
  }

  /** Takes the time from the headers of an answer that was just received. @param sentAt in `ticks` */
  observe(
    { date, age }: Readonly<Record<string, string | readonly string[] | undefined>>,
    sentAt: number,
  ): void {
    const stamped = typeof date === 'string' ? Date.parse(date) / 1000 : NaN;
    // An answer with an age is from a cache.
    if (Number.isNaN(stamped) || age !== undefined) return;
    const before = this.offset();
    const low = stamped - this.own.ticks();
    const high = stamped + GRAIN - sentAt;
    const isKnown = this.#high !== Infinity;
    const isContradiction = low > this.#high || high < this.#low;
    this.#low = isContradiction ? low : Math.max(low, this.#low);
    this.#high = isContradiction ? high : Math.min(high, this.#high);
    this.#latest = Math.max(this.#latest, this.now());
    if (isKnown) this.#nameStep(this.offset() - before);
    this.#nameSkew();
  }

  #nameStep(by: number): void {
    if (Math.abs(by) <= CLOCK_TOLERANCE) return;
    const way = by < 0 ? 'back' : 'forward';
    this.log.warn(
      { code: 'CLOCK_STEP', seconds: by },
      `Prometheus' clock was set ${Math.round(Math.abs(by))} s ${way}, or this machine was suspended`,
    );
  }

  #skewProblem(): string[] {
    const skew = this.skew();
    if (skew === undefined || Math.abs(skew) <= CLOCK_TOLERANCE) return [];
    const side = skew < 0 ? 'behind' : 'ahead of';
    return [
      `The clock of this machine is ${Math.round(Math.abs(skew))} s ${side} Prometheus', by which rounds go; synchronize the clocks.`,
    ];
  }

  #nameSkew(): void {
    const [problem] = this.#skewProblem();
    if (problem !== undefined && !this.#isNamed)
      this.log.warn({ code: 'CLOCK_SKEW', seconds: this.skew() }, problem);
    if (problem === undefined && this.#isNamed) this.log.info("this machine's clock is Prometheus' again");
    this.#isNamed = problem !== undefined;
  }

  #ownOffset(): number {
    return this.own.wall() - this.own.ticks();
  }
}
