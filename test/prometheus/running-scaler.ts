import { readFileSync } from 'node:fs';
import { eventually } from '../eventually.js';
import type { DecisionRecord } from '../../scaler/loop/record.js';
import { fromRoot } from '../../sandbox/paths.js';

import { start, untilReady, type Program, type Running } from '../../sandbox/loop/process.js';

const GRACE_MS = 2000;
const ANSWER_MS = 1000;

/** What a process is started by: a command that ends in executing its arguments, and variables. */
export interface Around {
  readonly command: readonly string[];
  readonly env: NodeJS.ProcessEnv;
}

const NOTHING: Around = { command: [], env: {} };

interface Decisions {
  readonly status: { readonly leader: boolean; readonly problems: readonly string[] };
  readonly decisions: readonly { readonly reason: string }[];
}

/** The real scaler as a process of its own, which can be killed and started again. */
export class RunningScaler {
  readonly url: string;
  readonly #program: Program;
  #running: Running | undefined;
  /** Number of decisions that `untilDecision` has passed, by workload. */
  readonly #searched = new Map<string, number>();

  /** @param stem common beginning of its file names */
  constructor(
    readonly stem: string,
    port: number,
    flags: readonly string[],
    { command: prefix, env }: Around = NOTHING,
  ) {
    this.url = `http://127.0.0.1:${port}`;
    const [command, ...args] = [...prefix, process.execPath];
    this.#program = {
      name: 'the scaler',
      command,
      env,
      args: [
        ...args,
        '--import=tsx',
        fromRoot('scaler/main.ts'),
        `--web.listen-address=127.0.0.1:${port}`,
        `--rules=${this.rulesFile}`,
        `--audit.log=${this.auditFile}`,
        ...flags,
      ],
      logFile: `${stem}.log`,
      readyUrl: `${this.url}/-/ready`,
    };
  }

  get rulesFile(): string {
    return `${this.stem}.rules.yaml`;
  }

  get auditFile(): string {
    return `${this.stem}.audit.jsonl`;
  }

  get pid(): number {
    return this.#running!.pid;
  }

  async start(): Promise<void> {
    await untilReady(this.#program, this.launch(), AbortSignal.timeout(30_000));
  }

  /** Starts it and does not wait. */
  launch(): Running {
    return (this.#running = start(this.#program));
  }

  async kill(): Promise<void> {
    this.signal('SIGKILL');
    await this.#running!.exited;
  }

  signal(signal: 'SIGKILL' | 'SIGSTOP' | 'SIGCONT'): void {
    process.kill(this.pid, signal);
  }

  async stop(): Promise<void> {
    await this.#running?.stop(GRACE_MS);
  }

  /**
   * Waits for a decision on a workload that meets a condition, and returns it. Searches the audit log from the decision
   * that the last call for this workload returned, so that no decision between two polls is missed.
   */
  async untilDecision(
    name: string,
    meets: (record: DecisionRecord) => boolean,
    ms = 20_000,
  ): Promise<DecisionRecord> {
    const from = this.#searched.get(name) ?? 0;
    const decisions = () => this.records().filter(({ workload }) => workload === name);
    const find = () => decisions().findIndex((record, index) => index >= from && meets(record));
    try {
      await eventually(name, () => find() >= 0, ms);
    } catch (cause) {
      const last = decisions().at(-1);
      const found = last ? `${last.outcome}, ${last.reason}` : 'none';
      throw new Error(`no such decision on ${name}; the last one: ${found}\n${this.log()}`, { cause });
    }
    const found = find();
    this.#searched.set(name, found + 1);
    return decisions()[found]!;
  }

  /** Every decision so far, those before a restart included. */
  records(): DecisionRecord[] {
    const lines = readFileSync(this.auditFile, 'utf8').split('\n');
    // The last one may be half written, or cut off by the end of the process.
    return lines.flatMap((line) => (line.endsWith('}') ? [JSON.parse(line) as DecisionRecord] : []));
  }

  /** What it serves; undefined while it does not respond. */
  async decisions(): Promise<Decisions | undefined> {
    const signal = AbortSignal.timeout(ANSWER_MS);
    const response = await fetch(`${this.url}/api/v1/decisions`, { signal }).catch(() => undefined);
    return response?.ok ? ((await response.json()) as Decisions) : undefined;
  }

  /** The last lines of its log. */
  log(): string {
    return readFileSync(this.#program.logFile, 'utf8').split('\n').slice(-15).join('\n');
  }
}
