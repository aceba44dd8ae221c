import type { WorkloadKey } from '../core/types.js';

/** Stands for replicas that are not known. */
export const UNKNOWN = -1;

/** A change of the proposed replicas. */
export interface Change {
  /** Seconds since the epoch. */
  readonly at: number;
  readonly from: number;
  readonly to: number;
  readonly bound: string;
  readonly reason: string;
}

/** What the rules would have made of a workload, beside what was made of it, at every time of the backtest. */
export class Timeline {
  /** `UNKNOWN` where nothing was decided. */
  readonly proposed: Int32Array;
  /** `UNKNOWN` where Prometheus does not tell. */
  readonly actual: Int32Array;
  /** 1 where data that the rule needs was absent, so that it did not scale down. */
  readonly gaps: Uint8Array;
  readonly changes: Change[] = [];
  readonly #bounds: Uint8Array;
  readonly #boundNames: string[] = [''];

  constructor(
    readonly workload: WorkloadKey,
    readonly group: string,
    /** Name of the rule. */
    readonly rule: string,
    readonly minReplicas: number,
    readonly maxReplicas: number,
    readonly length: number,
  ) {
    this.proposed = new Int32Array(length).fill(UNKNOWN);
    this.actual = new Int32Array(length).fill(UNKNOWN);
    this.gaps = new Uint8Array(length);
    this.#bounds = new Uint8Array(length);
  }

  /** What bound the workload; empty where nothing was decided. */
  boundAt(index: number): string {
    return this.#boundNames[this.#bounds[index]!]!;
  }

  setBound(index: number, bound: string): void {
    let number = this.#boundNames.indexOf(bound);
    if (number < 0) number = this.#boundNames.push(bound) - 1;
    this.#bounds[index] = number;
  }
}
