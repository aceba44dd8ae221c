/**
 * - `NO_ADDON`: the addon is not built, or its libraries are missing.
 * - `LAYOUT_MISMATCH`: the addon was built from another layout of the shared memory than the TypeScript.
 * - `NO_BTF`, `NO_CAPABILITY`: the kernel lacks type information, or the process a capability.
 * - `LOAD_FAILED`, `ATTACH_FAILED`: the kernel refuses all programs.
 * - `SLOTS_FULL`, `NO_MEMORY`: a bound was reached.
 * - `READ_FAILED`: a map could not be read.
 * - `PRIVILEGES_KEPT`: a thread of this process does not drop its capabilities.
 * - `CLOSED`, `BAD_ARGUMENT`: an error of the caller.
 * - `NAPI_FAILED`: Node.js refuses a call of the addon.
 */
export type NativeErrorCode =
  | 'NO_ADDON'
  | 'LAYOUT_MISMATCH'
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

/** An error of the addon: one sentence on what is wrong and what to do; libbpf's messages are the `cause`. */
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
