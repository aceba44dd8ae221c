import { readFile, rename, writeFile } from 'node:fs/promises';
import { z } from 'zod';
import { untilAborted } from '../../common/deadline.js';
import { errorCode, errorMessage, KernscaleError } from '../../common/errors.js';
import type { Logger } from '../../common/log.js';
import { EMPTY_HISTORY, type History } from '../core/round.js';
import { normOf, type Usual } from '../core/harm/usual.js';
import type { Rule, WorkloadKey } from '../core/types.js';
import { historySchema } from './history-schema.js';

/** Version of the file format; those of version 1 have no learnt parts. A file of another version is not read. */
const VERSION = 2;
const READABLE = [1, VERSION];
/** A restarted process decides again within this many seconds. */
const RESTART_SECONDS = 60;
/** The clock may have been set back by this many seconds since the file was written. */
const CLOCK_SKEW = 5;

const READ_SECONDS = 10;
const WRITE_SECONDS = 2;

interface Kept {
  /** The steps that the timers of the history belong to. */
  readonly decide: Rule['decide'];
  readonly history: History;
}

/** The state of one workload; plain JSON. */
export interface Memory extends Kept {
  readonly workload: WorkloadKey;
}

/** The history of every workload, across rounds and reloads. */
export class Histories {
  readonly #kept = new Map<WorkloadKey, Kept>();
  /** Restored from Prometheus, until the next history of the workload takes it over. */
  readonly #offered = new Map<WorkloadKey, Usual>();

  /**
   * The history to decide with. Timers of decide steps are keyed by their place in the rule, so they start
   * again once the rule's steps are edited; recommendations and scale events of the workload stay valid.
   */
  get(workload: WorkloadKey, rule: Rule | undefined): History {
    const kept = this.#kept.get(workload);
    if (!rule) return EMPTY_HISTORY;
    if (!kept) return this.#withOffered(workload, EMPTY_HISTORY);
    const same = kept.decide === rule.decide || JSON.stringify(kept.decide) === JSON.stringify(rule.decide);
    return this.#withOffered(workload, same ? kept.history : { ...kept.history, steps: {} });
  }

  set(workload: WorkloadKey, { decide }: Rule, history: History): void {
    // A round that began before the offer takes it over, too.
    this.#kept.set(workload, { decide, history: this.#withOffered(workload, history) });
    this.#offered.delete(workload);
  }

  /** True once what is usual for the workload's requests is known. */
  knowsUsual(workload: WorkloadKey): boolean {
    return normOf(this.#kept.get(workload)?.history.usual) !== undefined;
  }

  /** Offers what is usual to the workloads that do not know it when they are next decided on. */
  offer(usual: ReadonlyMap<WorkloadKey, Usual>): void {
    for (const [workload, one] of usual) this.#offered.set(workload, one);
  }

  #withOffered(workload: WorkloadKey, history: History): History {
    const usual = this.#offered.get(workload);
    return usual && !normOf(history.usual) ? { ...history, usual } : history;
  }

  /** Drops the workloads that `keep` rejects. */
  retain(keep: (workload: WorkloadKey) => boolean): void {
    for (const known of [this.#kept, this.#offered]) {
      for (const workload of known.keys()) if (!keep(workload)) known.delete(workload);
    }
  }

  memories(): Memory[] {
    return [...this.#kept].map(([workload, kept]) => ({ workload, ...kept }));
  }

  /** @param memories result of `memories` before a restart */
  restore(memories: readonly Memory[]): void {
    for (const { workload, ...kept } of memories) this.#kept.set(workload, kept);
  }
}

const fileSchema = z.object({
  version: z.literal(READABLE),
  /** Seconds since the epoch. */
  savedAt: z.number(),
  workloads: z.array(
    z.object({
      workload: z.string(),
      decide: z.custom<Rule['decide']>(Array.isArray),
      history: historySchema,
    }),
  ),
});

/** The histories in a file, so that they survive a restart. */
export class HistoryFile {
  #writing: Promise<void> = Promise.resolve();
  #waiting: Promise<void> | undefined;
  /** True while a write has taken longer than anyone waits for it. */
  #hangs = false;
  /** Reason why the file is not written. */
  #failure: string | undefined;

  /**
   * @param patience seconds that a round waits for a write
   * @param startPatience seconds that the start waits for the file
   */
  constructor(
    private readonly file: string,
    private readonly log: Logger,
    private readonly patience = WRITE_SECONDS,
    private readonly startPatience = READ_SECONDS,
  ) {}

  /**
   * Reads the histories of the previous process; none, with a warning, where the file cannot be trusted.
   *
   * A long pause is an outage, because the load during it is unknown: replicas go down only after a full window.
   *
   * @param now seconds since the epoch
   * @param interval seconds between two writes of the file in normal operation
   */
  async read(now: number, interval: number): Promise<readonly Memory[]> {
    try {
      const text = await untilAborted(
        AbortSignal.timeout(this.startPatience * 1000),
        readFile(this.file, 'utf8'),
      );
      const { savedAt, workloads } = parse(text);
      if (savedAt > now + CLOCK_SKEW)
        throw unusable(`it was written ${Math.round(savedAt - now)} s in the future; compare the clocks`);
      const pause = Math.max(0, now - savedAt);
      const isOutage = pause > RESTART_SECONDS + interval;
      const { file } = this;
      this.log.info(
        { file, workloads: workloads.length, pause },
        'restored the histories of the previous process',
      );
      return workloads.map(({ history, ...memory }) => ({
        ...memory,
        history: isOutage ? { ...history, dataGap: true } : history,
      }));
    } catch (error) {
      if (errorCode(error) !== 'ENOENT')
        this.#warn('HISTORY_UNREADABLE', error, 'starting with empty histories');
      return [];
    }
  }

  /**
   * Replaces the file atomically. One write runs at a time: calls meanwhile share the next one. A round does not wait for
   * a disk that hangs: after its patience the write goes on by itself, and later calls return at once until it has ended.
   */
  async write(memories: () => readonly Memory[], now: () => number): Promise<void> {
    const write = (this.#waiting ??= this.#writing.then(() => {
      this.#waiting = undefined;
      return (this.#writing = this.#replace(
        JSON.stringify({ version: VERSION, savedAt: now(), workloads: memories() }),
      ));
    }));
    if (this.#hangs) return;
    try {
      await untilAborted(AbortSignal.timeout(this.patience * 1000), write);
    } catch {
      this.#hangs = true;
      this.#fail(new Error(`no write has ended within ${this.patience} s`));
    }
  }

  /** A sentence, while the file is not written. */
  problem(): string | undefined {
    if (this.#failure === undefined) return undefined;
    return `The history file ${this.file} is not written, a restart will lose what is newer: ${this.#failure}.`;
  }

  async #replace(text: string): Promise<void> {
    const written = `${this.file}.tmp`;
    try {
      await writeFile(written, text, { flush: true });
      await rename(written, this.file);
      this.#failure = undefined;
    } catch (error) {
      this.#fail(error);
    }
    this.#hangs = false;
  }

  #fail(error: unknown): void {
    if (this.#failure === undefined)
      this.#warn('HISTORY_UNWRITABLE', error, 'a restart will start with empty histories');
    this.#failure = errorMessage(error);
  }

  #warn(code: string, error: unknown, consequence: string): void {
    this.log.warn({ code, file: this.file, error: errorMessage(error) }, consequence);
  }
}

function parse(text: string): z.infer<typeof fileSchema> {
  const content: unknown = JSON.parse(text);
  const { version } = z.object({ version: z.unknown() }).catch({ version: undefined }).parse(content);
  if (!READABLE.some((readable) => readable === version))
    throw unusable(
      `it has version ${JSON.stringify(version)}; this program reads versions ${READABLE.join(' and ')}`,
    );
  const parsed = fileSchema.safeParse(content);
  if (parsed.success) return parsed.data;
  const { path, message } = parsed.error.issues[0]!;
  throw unusable(`${path.join('.')}: ${message}`);
}

function unusable(why: string): KernscaleError {
  return new KernscaleError('HISTORY_UNREADABLE', why);
}
