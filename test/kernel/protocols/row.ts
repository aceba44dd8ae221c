/** A program of `programs/`, run by the interpreter that its name ends in, and its arguments. */
export type Program = readonly [name: string, ...args: (string | number)[]];

/** What a client counted itself, in seconds. */
export interface Truth {
  /** Requests that were answered. */
  readonly n: number;
  /** Their waits, from the last byte of the request to the first of the answer. */
  readonly sum: number;
  readonly p50: number;
  /** Time with at least one request outstanding, and the whole time. */
  readonly due: number;
  readonly wall: number;
  /** Requests given up. */
  readonly abandoned: number;
  /** Time of connecting and logging in, before the first request. */
  readonly login: number;
}

/** One row of the table of truth: a protocol, the programs that speak it, and what is known of it. */
export interface Row {
  readonly protocol: string;
  readonly server: Program;
  readonly client: Program;
  /** A server behind the server. */
  readonly upstream?: Program;
  /** A third program beside them, whose requests are none: the worker behind a broker. */
  readonly worker?: Program;
  /** Messages of connecting and logging in that count as requests or not; none by default. */
  readonly login?: number;
  /**
   * How much of the truth can be known. `all` by default. `bounds`: several requests are in flight where no frame can be
   * read; their observations are marked, and are bounds. `time`: the same, but the time with a request outstanding is known.
   */
  readonly known?: 'all' | 'bounds' | 'time';
  /** Least and most seconds of the client's threads in `network`; by default as long as a request is outstanding. */
  readonly network?: (truth: Truth) => readonly [least: number, most: number];
  /** Messages that could be requests when a read-out counted them, and turned out to be none: they count as dropped. */
  readonly withdrawn?: number;
  /** Answers that take far longer than is usual; none by default. */
  readonly long?: number;
  /** Pauses of at least 100 ms between an answer and the next request. */
  readonly thinks?: number;
  /** Runs only as it is: no message can be delayed in the middle. */
  readonly clean?: boolean;
}
