import type { ProgramStatus, State } from 'bpf-linker-napi';

/** Line of the guest's report, a JSON object each, so that the report of a guest that dies is still readable. */
export type Line =
  | { readonly kernel: KernelFacts }
  | { readonly programs: readonly ProgramStatus[] }
  | { readonly truth: Truth }
  | { readonly skippedRuns: number }
  | { readonly error: string }
  | { readonly end: true };

export interface KernelFacts {
  readonly release: string;
  /** Cgroup controllers of the guest's containers. */
  readonly controllers: readonly string[];
  /** Mode of the kernel's lockdown. */
  readonly lockdown: string;
}

/** One figure of a task, compared with the probes' measurement. */
export interface Truth {
  readonly name: string;
  /** The expected state, or the unit of a count. */
  readonly expected: string;
  /** Measured value as a share of the truth, ideally 1; null if the kernel lacks what the check needs. */
  readonly share: number | null;
  readonly ok: boolean;
  /** The figures, or the name of what is absent. */
  readonly detail: string;
}

/** Measured seconds per state. */
export type StateSeconds = Readonly<Record<State, number>>;

/** Output of a task. */
export interface TaskReport {
  /** Lifetimes of its threads, each from before its creation until after it was reaped. */
  readonly threadSeconds: number;
  /** Part of `threadSeconds` before the first instruction or after the last. */
  readonly unsureSeconds: number;
  /** Time in blocking calls, including entry and exit. */
  readonly blockedSeconds: number;
  readonly cpuSeconds: number;
  readonly operations: number;
  readonly bytes: number;
}
