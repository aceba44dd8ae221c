import { pino } from 'pino';
import { errorMessage, KernscaleError } from '../../common/errors.js';
import type { Logger } from '../../common/log.js';
import { isChange, type DecisionRecord } from './record.js';

const STANDARD_OUTPUT = 1;
/** Bound of the buffer while the disk is full; lines beyond it are lost. */
const MAX_WAITING_BYTES = 16 * 1024 * 1024;

const NOT_WRITTEN = 'the audit log cannot be written; decisions are missing from it';

export interface AuditLogOptions {
  /** Lines are appended to it; `-` is standard output. */
  readonly file: string;
  /** Skip decisions that equal the previous one about the same workload. */
  readonly changesOnly: boolean;
}

/** The record of every decision, acted on or not, as one line of JSON each. */
export class AuditLog {
  readonly #destination: ReturnType<typeof pino.destination>;
  #failing = false;

  /** @throws KernscaleError `AUDIT_LOG` when the file cannot be written */
  constructor(
    private readonly options: AuditLogOptions,
    private readonly log: Logger,
  ) {
    const { file } = options;
    const dest = file === '-' ? STANDARD_OUTPUT : file;
    try {
      this.#destination = pino.destination({ dest, sync: true, maxLength: MAX_WAITING_BYTES });
    } catch (cause) {
      throw new KernscaleError('AUDIT_LOG', `cannot write the audit log ${file}`, { cause });
    }
    this.#destination.on('error', (error) => {
      if (!this.#failing) log.error({ file, error: errorMessage(error) }, NOT_WRITTEN);
      this.#failing = true;
    });
    this.#destination.on('drain', () => {
      this.#failing = false;
    });
  }

  write(record: DecisionRecord, previous: DecisionRecord | undefined): void {
    if (this.options.changesOnly && !isChange(record, previous)) return;
    this.#destination.write(`${JSON.stringify(record)}\n`);
  }

  /** Opens a new file of the same name, after a rotation has moved the old one. */
  reopen(): void {
    const { file } = this.options;
    if (file === '-') return;
    try {
      this.#destination.reopen();
    } catch (error) {
      this.log.error({ file, error: errorMessage(error) }, 'the audit log cannot be reopened');
    }
  }
}
