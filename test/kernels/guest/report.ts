import type { ProgramStatus, State } from 'bpf-linker-napi';

/** What the guest tells its host: one JSON object a line, so that a guest that dies has told what it could. */
export type Line =
  | { readonly kernel: KernelFacts }
  | { readonly programs: readonly ProgramStatus[] }
  | { readonly truth: Truth }
  | { readonly skippedRuns: number }
  | { readonly error: string }
  | { readonly end: true };

export interface KernelFacts {
  readonly release: string;
  /** Controllers that the guest's containers have. */
  readonly controllers: readonly string[];
}

/** One thing a task knows about itself, against what the probes saw. */
export interface Truth {
  readonly name: string;
  /** What was to be seen, in words: a state, or the thing counted. */
  readonly expected: string;
  /** What was seen as a share of the truth; 1 is perfect. Null: the kernel lacks what this needs. */
  readonly share: number | null;
  readonly ok: boolean;
  /** The figures behind it, or what is absent. */
  readonly detail: string;
}

/** Seconds per state as measured. */
export type StateSeconds = Readonly<Record<State, number>>;

/** What a task prints at its end. */
export interface TaskReport {
  /** Lifetimes of its threads, from before the first was made until after it was reaped. */
  readonly threadSeconds: number;
  /** How much of that was before the first instruction or after the last. */
  readonly unsureSeconds: number;
  /** Spent in calls that block, including the way in and out of them. */
  readonly blockedSeconds: number;
  readonly cpuSeconds: number;
  readonly operations: number;
  readonly bytes: number;
}
