/** What the flags of a service say about its log; apart from the logger, which takes 20 ms to load. */
export const LOG_LEVELS = ['debug', 'info', 'warn', 'error'] as const;
export const LOG_FORMATS = ['text', 'json'] as const;

export interface LogOptions {
  level: string;
  format: string;
}
