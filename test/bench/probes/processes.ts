import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { KernscaleError } from '../../../common/errors.js';

/** Longest excerpt of what a program complained of. */
const MAX_COMPLAINT = 160;

/** A program that runs until it is stopped, or says why it cannot. */
export interface Running {
  readonly pid: number;
  /** Resolves when it has ended, by itself or not. */
  readonly ended: Promise<void>;
  readonly hasEnded: boolean;
  /** The last line it wrote to standard error; how it ended when it wrote none. */
  complaint(): string;
  stop(): Promise<void>;
}

/** Programs that cannot outlive this process, and end when the signal says so. */
export class Processes {
  constructor(private readonly signal: AbortSignal) {}

  /** Starts a program; what it prints goes to `onOutput`, or nowhere. */
  start(argv: readonly string[], onOutput: (text: string) => void = () => undefined): Running {
    return this.#follow(this.#spawn(argv, undefined, onOutput));
  }

  /** Runs a program to its end and answers what it printed. @throws KernscaleError `BENCH_PROGRAM_FAILED` */
  async run(argv: readonly string[], directory?: string): Promise<string> {
    let output = '';
    const child = this.#spawn(argv, directory, (text) => (output += text));
    const running = this.#follow(child);
    await running.ended;
    this.signal.throwIfAborted();
    if (child.exitCode === 0) return output;
    throw new KernscaleError('BENCH_PROGRAM_FAILED', `${argv[0]!} failed: ${running.complaint()}`);
  }

  #spawn(
    argv: readonly string[],
    directory: string | undefined,
    onOutput: (text: string) => void,
  ): ChildProcess {
    this.signal.throwIfAborted();
    const child = spawn('setpriv', ['--pdeathsig', 'KILL', ...argv], {
      stdio: ['pipe', 'pipe', 'pipe'],
      ...(directory !== undefined && { cwd: directory }),
    });
    child.stdout.setEncoding('utf8').on('data', onOutput);
    return child;
  }

  #follow(child: ChildProcess): Running {
    let errors = '';
    let hasEnded = false;
    const kill = () => child.kill('SIGKILL');
    const ended = once(child, 'close').then(() => {
      hasEnded = true;
      this.signal.removeEventListener('abort', kill);
    });
    child.stderr!.setEncoding('utf8').on('data', (text: string) => (errors = (errors + text).slice(-4096)));
    this.signal.addEventListener('abort', kill, { once: true });
    return {
      pid: child.pid!,
      ended,
      get hasEnded() {
        return hasEnded;
      },
      complaint: () => lastLine(errors) ?? `it ended with ${child.signalCode ?? `status ${child.exitCode}`}`,
      stop: async () => {
        kill();
        await ended;
      },
    };
  }
}

function lastLine(text: string): string | undefined {
  return text.trim().split('\n').at(-1)?.trim().slice(0, MAX_COMPLAINT) || undefined;
}
