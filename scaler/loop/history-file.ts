import { readFile, rename, writeFile } from 'node:fs/promises';
import { z } from 'zod';
import { errorCode, errorMessage, KernscaleError } from '../../common/errors.js';
import type { Logger } from '../../common/log.js';
import type { History, Rule } from '../core/types.js';
import type { Memory } from './histories.js';

/** Of the file's shape: a file of another version is not read. */
const VERSION = 1;
/** A process that is started again at once decides again within this many seconds. */
const RESTART_SECONDS = 60;
/** The clock may have been set back by this many seconds since the file was written. */
const CLOCK_SKEW = 5;

const seconds = z.number();
const scaleEvents = z.array(z.object({ change: z.int().min(1), at: seconds, outdated: z.boolean() }));

const historySchema = z.object({
  recommendations: z.array(
    z.object({ replicas: z.int().min(0), at: seconds, assumed: z.literal(true).exactOptional() }),
  ),
  scaleUps: scaleEvents,
  scaleDowns: scaleEvents,
  steps: z.record(
    z.string(),
    z.object({ since: seconds.exactOptional(), lastMatch: seconds.exactOptional() }),
  ),
  dataGap: z.boolean(),
}) satisfies z.ZodType<History>;

const fileSchema = z.object({
  version: z.literal(VERSION),
  savedAt: seconds,
  workloads: z.array(
    z.object({
      workload: z.string(),
      decide: z.custom<Rule['decide']>(Array.isArray),
      history: historySchema,
    }),
  ),
});

/** What the scaler remembers about workloads, in a file, so that a restart is no new start. */
export class HistoryFile {
  #writing: Promise<void> = Promise.resolve();
  #waiting: Promise<void> | undefined;
  #failing = false;

  constructor(
    private readonly file: string,
    private readonly log: Logger,
  ) {}

  /**
   * Reads what was remembered when the process before ended; nothing, with a warning, where that cannot be trusted.
   *
   * While nobody decided for long, loads went unseen: that is an outage like any other, after which it takes a full
   * window before replicas go down.
   *
   * @param now seconds since the epoch
   * @param interval seconds after which the file is written again while all goes well
   */
  async read(now: number, interval: number): Promise<readonly Memory[]> {
    try {
      const text = await readFile(this.file, 'utf8');
      const { savedAt, workloads } = parse(text);
      if (savedAt > now + CLOCK_SKEW) throw unusable(`it is from the future; compare the clocks`);
      const pause = Math.max(0, now - savedAt);
      const isOutage = pause > RESTART_SECONDS + interval;
      const { file } = this;
      this.log.info({ file, workloads: workloads.length, pause }, 'remembers what was before the restart');
      return workloads.map(({ history, ...memory }) => ({
        ...memory,
        history: isOutage ? { ...history, dataGap: true } : history,
      }));
    } catch (error) {
      if (errorCode(error) !== 'ENOENT') this.#tell('HISTORY_UNREADABLE', error, 'starting without a past');
      return [];
    }
  }

  /**
   * Writes what is remembered in place of what was, as a whole or not at all. One write at a time: who comes meanwhile
   * shares the next.
   */
  write(memories: () => readonly Memory[], now: () => number): Promise<void> {
    return (this.#waiting ??= this.#writing.then(() => {
      this.#waiting = undefined;
      return (this.#writing = this.#replace(
        JSON.stringify({ version: VERSION, savedAt: now(), workloads: memories() }),
      ));
    }));
  }

  async #replace(text: string): Promise<void> {
    const written = `${this.file}.tmp`;
    try {
      await writeFile(written, text, { flush: true });
      await rename(written, this.file);
      this.#failing = false;
    } catch (error) {
      if (!this.#failing) this.#tell('HISTORY_UNWRITABLE', error, 'a restart will be a new start');
      this.#failing = true;
    }
  }

  #tell(code: string, error: unknown, consequence: string): void {
    this.log.warn({ code, file: this.file, error: errorMessage(error) }, consequence);
  }
}

function parse(text: string): z.infer<typeof fileSchema> {
  const content: unknown = JSON.parse(text);
  const { version } = z.object({ version: z.unknown() }).catch({ version: undefined }).parse(content);
  if (version !== VERSION) throw unusable(`it is of version ${JSON.stringify(version)}, not ${VERSION}`);
  const parsed = fileSchema.safeParse(content);
  if (parsed.success) return parsed.data;
  const { path, message } = parsed.error.issues[0]!;
  throw unusable(`${path.join('.')}: ${message}`);
}

function unusable(why: string): KernscaleError {
  return new KernscaleError('HISTORY_UNREADABLE', why);
}
