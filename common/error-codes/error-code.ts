export interface ErrorCode {
  /** What has happened, in sentences. */
  readonly cause: string;
  /** What to do about it, in sentences. */
  readonly cure: string;
}

/** By code. */
export type ErrorCodes = Readonly<Record<string, ErrorCode>>;
