import type { Bench } from './bench.js';
import type { Figure } from './rows.js';

/** Something that is measured once in every round of a run. */
export interface Measure {
  readonly name: string;
  round(bench: Bench): Promise<void>;
  /** What all rounds so far say. */
  figures(): readonly Figure[];
}
