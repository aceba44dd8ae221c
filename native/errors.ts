/**
 * - `NO_ADDON`: the addon is not built, or its libraries are missing.
 * - `NO_BTF`, `NO_CAPABILITY`: the machine cannot run BPF programs of this kind, or not for this process.
 * - `LOAD_FAILED`, `ATTACH_FAILED`: the kernel refuses all of them.
 * - `SLOTS_FULL`, `NO_MEMORY`: a bound was reached.
 * - `READ_FAILED`: a map could not be read.
 * - `PRIVILEGES_KEPT`: a thread of this process does not give up its capabilities.
 * - `CLOSED`, `BAD_ARGUMENT`: the caller's mistake.
 */
export type NativeErrorCode =
  | 'NO_ADDON'
  | 'NO_BTF'
  | 'NO_CAPABILITY'
  | 'LOAD_FAILED'
  | 'ATTACH_FAILED'
  | 'SLOTS_FULL'
  | 'NO_MEMORY'
  | 'READ_FAILED'
  | 'PRIVILEGES_KEPT'
  | 'CLOSED'
  | 'BAD_ARGUMENT'
  | 'NAPI_FAILED';

/** One sentence that says what is wrong and what to do; libbpf's own words are the `cause`. */
export class NativeError extends Error {
  override readonly name = 'NativeError';

  constructor(
    readonly code: NativeErrorCode,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}
