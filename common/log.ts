import { pino, type Logger } from 'pino';
import type { LogOptions } from './log-options.js';

export type { Logger };

/** A logger that writes one line per event to standard error, as JSON or as logfmt-like text. */
export function createLogger(options: LogOptions): Logger {
  const destination = options.format === 'json' ? pino.destination(2) : { write: writeText };
  return pino(
    {
      level: options.level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    destination,
  );
}

function writeText(line: string): void {
  process.stderr.write(`${toLogfmt(JSON.parse(line) as Record<string, unknown>)}\n`);
}

function toLogfmt(record: Record<string, unknown>): string {
  return Object.entries(record)
    .map(([key, value]) => `${key}=${quote(value)}`)
    .join(' ');
}

function quote(value: unknown): string {
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return /^[^\s"=]+$/.test(text) ? text : JSON.stringify(text);
}
