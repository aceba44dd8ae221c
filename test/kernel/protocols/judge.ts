import type { Measured, Side } from './measure.js';
import type { Row, Truth } from './row.js';
import type { HistogramSum, PodScrape } from './scrape.js';

const COUNT = 0.02;
const SUM = 0.05;
const SHARE = 0.05;
/** The median is in the bucket of the truth, or in the next one where the truth is as near to its bound. */
const NEAR_BOUND = 0.1;
/** Time between the clock readings of a program and of the kernel, per request. */
const CLOCK_SECONDS = 100e-6;
/** The request may be complete before the second half of a delayed message. */
const DELAY_SECONDS = 3e-3;

/** Names of the two sides of an exchange. */
const CLIENT = {
  times: 'kernscale_tcp_wait_seconds',
  overlapped: 'kernscale_tcp_wait_overlapped_total',
  asked: 'kernscale_tcp_sent_total',
  abandoned: ['kernscale_tcp_sent_abandoned_total', 'kernscale_tcp_sent_dropped_total'],
  outstanding: 'kernscale_tcp_sent_outstanding',
  outstandingSeconds: 'kernscale_tcp_sent_outstanding_seconds_total',
} as const;
const SERVER = {
  times: 'kernscale_tcp_serve_seconds',
  overlapped: 'kernscale_tcp_serve_overlapped_total',
  asked: 'kernscale_tcp_requests_total',
  abandoned: ['kernscale_tcp_requests_abandoned_total', 'kernscale_tcp_requests_dropped_total'],
  outstanding: 'kernscale_tcp_requests_outstanding',
  outstandingSeconds: 'kernscale_tcp_outstanding_seconds_total',
} as const;
const IN_VAIN = 'kernscale_tcp_answers_in_vain_total';
const LONG = 'kernscale_tcp_long_waits_seconds';
const THINK = 'kernscale_tcp_think_seconds';

const CPU = ['oncpu', 'runqueue', 'throttled'];
/** In `ipc` the client waits for the word to start, which it reads from a pipe. */
const NOT_AT_WORK = ['idle', 'sleep', 'ipc'];

/** Compares what was measured with the truth. Returns what differs, and the figures side by side. */
export class Verdict {
  readonly faults: string[] = [];
  readonly #lines: string[] = [];

  constructor(
    private readonly row: Row,
    private readonly measured: Measured,
  ) {
    const { truth, client, server, worker } = measured;
    this.#note('truth', truth.n, truth.sum, ms(truth.p50), `due ${s(truth.due)} of ${s(truth.wall)}`);
    this.#exchange('client', client, CLIENT);
    this.#exchange('server', server, SERVER);
    this.#threads(client);
    this.#pauses(client, server);
    if (worker !== undefined)
      this.#most('worker: requests', counted(worker, CLIENT.times).count, row.login ?? 0);
  }

  toString(): string {
    return [...this.faults, ...this.#lines].join('\n  ');
  }

  #exchange(name: string, side: Side, names: typeof CLIENT | typeof SERVER): void {
    const { truth } = this.measured;
    const seen = counted(side, names.times);
    const inVain = name === 'server' ? grown(side, IN_VAIN) : 0;
    const overlapped = grown(side, names.overlapped);
    this.#note(
      name,
      seen.count,
      seen.sum,
      bucketText(medianOf(seen)),
      `overlapped ${overlapped}, in vain ${inVain}`,
    );
    if ((this.row.known ?? 'all') === 'all') {
      this.#within(`${name}: requests`, seen.count - inVain, this.#count(truth.n));
      if (truth.abandoned === 0) this.#times(name, seen, truth);
      this.#integral(name, side, names.outstandingSeconds, seen);
    } else this.#marked(name, seen, overlapped);
    this.#law(name, side, names, inVain);
  }

  #times(name: string, seen: HistogramSum, truth: Truth): void {
    const own = this.#ownOfWaits;
    const takes = leastOf(this.row);
    const most = (1 + SUM) * truth.sum + own + CLOCK_SECONDS * truth.n + truth.login;
    this.#within(`${name}: sum`, seen.sum, [
      (1 - SUM) * Math.max(truth.sum - own, takes * truth.n - DELAY_SECONDS),
      most,
    ]);
    if (truth.n === 0) return;
    const least = exponentOf((1 - NEAR_BOUND) * Math.max(truth.p50 - own / truth.n, takes, 1e-6));
    this.#within(`${name}: p50 (exponent of 2)`, medianOf(seen), [
      least,
      exponentOf((1 + NEAR_BOUND) * (truth.p50 + own / truth.n) + CLOCK_SECONDS),
    ]);
  }

  /** The integral of outstanding holds each wait, from the request's first byte: at most, all that is in flight all the time. */
  #integral(name: string, side: Side, metric: string, seen: HistogramSum): void {
    const { sum, due } = this.measured.truth;
    const window = side.idle.at - side.before.at;
    const most = Math.max(1, sum / due || 1) * window * (1 + SUM);
    const abandoned = this.measured.truth.abandoned > 0;
    this.#within(`${name}: request-seconds outstanding`, grown(side, metric), [
      (1 - SUM) * seen.sum,
      abandoned ? Number.POSITIVE_INFINITY : most,
    ]);
  }

  /** Long waits and thinking, where the truth is known. */
  #pauses(client: Side, server: Side): void {
    const { long = 0, thinks } = this.row;
    const slack = Math.max(1, COUNT * this.measured.truth.n);
    this.#within('client: long waits', counted(client, LONG).count, [0.6 * long, long + slack]);
    if (thinks !== undefined)
      this.#within('server: thinks', counted(server, THINK).count, [thinks, thinks + 1]);
  }

  /** Where requests in flight cannot be told apart, the figures are bounds, and marked. */
  #marked(name: string, seen: HistogramSum, overlapped: number): void {
    const { truth } = this.measured;
    const [, most] = this.#count(truth.n);
    this.#most(`${name}: requests`, seen.count, most);
    this.#most(`${name}: sum`, seen.sum, (1 + SUM) * truth.sum + CLOCK_SECONDS * truth.n + truth.login);
    const isRight =
      seen.count >= (1 - COUNT) * truth.n && seen.sum >= (1 - SUM) * (truth.sum - this.#ownOfWaits);
    if (!isRight) this.#within(`${name}: overlapped`, overlapped, [0.9 * seen.count - 2, seen.count]);
  }

  /** Asked − answered − abandoned − dropped = growth of outstanding, exactly; nothing is outstanding in the end. */
  #law(name: string, side: Side, names: typeof CLIENT | typeof SERVER, inVain: number): void {
    const { truth } = this.measured;
    for (const end of ['idle', 'closed'] as const) {
      const asked = grown(side, names.asked, end);
      const answered = counted(side, names.times, end).count;
      const gone = names.abandoned.map((each) => grown(side, each, end)).reduce((sum, each) => sum + each);
      const outstanding = grown(side, names.outstanding, end);
      this.#note(`${name}, ${end}`, asked, answered, gone, outstanding);
      // A container that was asked nothing has no series.
      if (side[end].value(names.asked) === undefined && truth.n + answered > 0)
        this.faults.push(`${name}: ${names.asked} is absent`);
      this.#within(`${name}: growth of outstanding (${end})`, outstanding, [
        asked - answered - gone,
        asked - answered - gone,
      ]);
      if (end === 'closed' || truth.abandoned === 0)
        this.#within(`${name}: outstanding (${end})`, side[end].value(names.outstanding) ?? 0, [0, 0]);
      if (end === 'closed' && (this.row.known ?? 'all') === 'all') this.#givenUp(name, gone + inVain);
    }
  }

  #givenUp(name: string, seen: number): void {
    const { abandoned } = this.measured.truth;
    const { withdrawn = 0 } = this.row;
    this.#within(`${name}: given up`, seen, [
      Math.ceil((1 - COUNT) * abandoned),
      Math.floor((1 + COUNT) * abandoned) + withdrawn,
    ]);
  }

  /** Time of the client's threads in `network`, and afterwards, when it is idle. */
  #threads({ before, after, idle }: Side): void {
    const { truth } = this.measured;
    const seconds = (state: string) => (after.states.get(state) ?? 0) - (before.states.get(state) ?? 0);
    const others = [...after.states.keys()].filter(
      (state) => ![...CPU, ...NOT_AT_WORK, 'network'].includes(state) && seconds(state) > 0.0005,
    );
    const text = [...after.states.keys()].map((state) => `${state} ${s(seconds(state))}`);
    this.#lines.push(text.filter((each) => !each.endsWith(' 0.000')).join(', '));
    const slack = SHARE * truth.wall;
    const [least, most] = this.row.network?.(truth) ?? [
      this.row.known === 'bounds' ? 0 : truth.due,
      truth.due,
    ];
    this.#within('client: network seconds', seconds('network'), [
      least - this.#own - slack,
      most + this.#own + truth.login + slack,
    ]);
    this.#most(
      `client: seconds in ${others.join(', ')}`,
      others.reduce((sum, state) => sum + seconds(state), 0),
      slack + this.#own,
    );
    const idleNetwork = (idle.states.get('network') ?? 0) - (after.states.get('network') ?? 0);
    this.#most('idle client: network seconds', idleNetwork, SHARE * (idle.at - after.at));
  }

  /** Seconds that the client's threads ran or waited for a CPU: by these it may read its clock late, at either end. */
  get #own(): number {
    const { before, after } = this.measured.client;
    return CPU.reduce(
      (sum, state) => sum + (after.states.get(state) ?? 0) - (before.states.get(state) ?? 0),
      0,
    );
  }

  /** A delay of the client's own is in the waits of all that is in flight. */
  get #ownOfWaits(): number {
    const { sum, due } = this.measured.truth;
    return this.#own * Math.max(1, sum / due || 1);
  }

  #count(n: number): [number, number] {
    return [Math.ceil((1 - COUNT) * n), Math.floor((1 + COUNT) * n) + (this.row.login ?? 0)];
  }

  #within(what: string, value: number, [least, most]: readonly [number, number]): void {
    if (!(value >= least && value <= most))
      this.faults.push(`${what}: ${round(value)} is not within ${round(least)} and ${round(most)}`);
  }

  #most(what: string, value: number, most: number): void {
    if (!(value <= most)) this.faults.push(`${what}: ${round(value)} is more than ${round(most)}`);
  }

  #note(...columns: (string | number)[]): void {
    this.#lines.push(columns.map((each) => (typeof each === 'number' ? round(each) : each)).join(' | '));
  }
}

function counted({ before, ...side }: Side, name: string, end: 'idle' | 'closed' = 'idle'): HistogramSum {
  const [first, last] = [before.histogram(name), side[end].histogram(name)];
  return {
    count: last.count - first.count,
    sum: last.sum - first.sum,
    buckets: new Map(
      [...last.buckets].map(([exponent, count]) => [exponent, count - (first.buckets.get(exponent) ?? 0)]),
    ),
  };
}

function grown({ before, ...side }: Side, name: string, end: 'idle' | 'closed' = 'idle'): number {
  return valueOf(side[end], name) - valueOf(before, name);
}

/** A series begins with its first event. */
const valueOf = (scrape: PodScrape, name: string): number => scrape.value(name) ?? 0;

/** Seconds that each request takes at least, by the arguments of the programs; 0 where they do not say. */
function leastOf({ upstream, server, client }: Row): number {
  const all = [...(upstream ?? []), ...server, ...client];
  const ms = all
    .map((argument) => /^ms=(\d+)$/.exec(String(argument))?.[1])
    .find((found) => found !== undefined);
  // A timer of Node may be early by a part of a millisecond.
  return ms === undefined ? 0 : (Number(ms) - 1) / 1000;
}

const exponentOf = (seconds: number): number => Math.ceil(Math.log2(seconds));

/** Exponent of the bucket of the median; NaN without observations. */
function medianOf({ count, buckets }: HistogramSum): number {
  let below = 0;
  for (const [exponent, inBucket] of [...buckets].sort(([a], [b]) => a - b))
    if ((below += inBucket) > count / 2) return exponent;
  return Number.NaN;
}

const ms = (seconds: number): string => `p50 ${(seconds * 1000).toFixed(2)} ms`;
const s = (seconds: number): string => seconds.toFixed(3);
const round = (value: number): string => String(Math.round(value * 1000) / 1000);
const bucketText = (exponent: number): string =>
  `p50 in (${round(2 ** (exponent - 1) * 1000)}, ${round(2 ** exponent * 1000)}] ms`;
