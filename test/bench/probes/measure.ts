import type { Bench } from './bench.js';
import type { Figure } from './rows.js';

/** Something that is measured once in every round of a run. */
export interface Measure {
  readonly name: string;
  /** Targets of the Makefile that it needs beside loads and the baseline. */
  readonly needs?: readonly string[];
  round(bench: Bench): Promise<void>;
  /** What all rounds so far say. */
  figures(): readonly Figure[];
}
