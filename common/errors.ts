/**
 * An error that a person or a script can act on.
 *
 * `code` is stable across releases (`PORT_BUSY`, `RULE_UNKNOWN_FIELD`, …); `message` is one sentence that says what is
 * wrong and what to do; `cause` is the underlying error, if any.
 */
export class KernscaleError extends Error {
  override readonly name = 'KernscaleError';

  constructor(
    readonly code: string,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** The `code` of a Node.js system error (`EADDRINUSE`) or of a KernscaleError; undefined for anything else. */
export function errorCode(error: unknown): string | undefined {
  if (error instanceof Error && 'code' in error && typeof error.code === 'string') return error.code;
  return undefined;
}

/**
 * The message of a thrown value, followed by the messages of its causes. Only the first line of a library's message is
 * kept: what follows (excerpts, carets, verifier logs) is no part of a sentence.
 */
export function errorMessage(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const message = error instanceof KernscaleError ? error.message : firstLine(error.message);
  const own = message || (errorCode(error) ?? error.name);
  return error.cause === undefined ? own : `${own}: ${errorMessage(error.cause)}`;
}

function firstLine(text: string): string {
  return text.trimStart().split('\n', 1)[0]!.replace(/:$/, '');
}
