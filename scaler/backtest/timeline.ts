import type { WorkloadKey } from '../core/types.js';

/** Stands for replicas that are not known. */
export const UNKNOWN = -1;

/** A change of the proposed replicas. */
export interface Change {
  /** Seconds since the epoch. */
  readonly at: number;
  readonly from: number;
  readonly to: number;
  readonly class: string;
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
  readonly #classes: Uint8Array;
  readonly #classNames: string[] = [''];

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
    this.#classes = new Uint8Array(length);
  }

  /** Class of the workload; empty where nothing was decided. */
  classAt(index: number): string {
    return this.#classNames[this.#classes[index]!]!;
  }

  setClass(index: number, workloadClass: string): void {
    let number = this.#classNames.indexOf(workloadClass);
    if (number < 0) number = this.#classNames.push(workloadClass) - 1;
    this.#classes[index] = number;
  }
}
