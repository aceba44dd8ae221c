import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { KernscaleError } from '../../../common/errors.js';

/** Longest excerpt of a program's error output. */
const MAX_FAILURE = 160;

/** A program that runs until it is stopped or fails. */
export interface Running {
  readonly pid: number;
  /** Resolves when it has ended. */
  readonly ended: Promise<void>;
  readonly hasEnded: boolean;
  /** Its last line on standard error; if there is none, its exit status or signal. */
  failure(): string;
  stop(): Promise<void>;
}

/** Starts programs that cannot outlive this process and end when the signal aborts. */
export class Processes {
  constructor(private readonly signal: AbortSignal) {}

  /** Starts a program; `onOutput` receives its standard output. */
  start(argv: readonly string[], onOutput: (text: string) => void = () => undefined): Running {
    return this.#follow(this.#spawn(argv, undefined, onOutput));
  }

  /** Runs a program to its end and returns its output. @throws KernscaleError `BENCH_PROGRAM_FAILED` */
  async run(argv: readonly string[], directory?: string): Promise<string> {
    let output = '';
    const child = this.#spawn(argv, directory, (text) => (output += text));
    const running = this.#follow(child);
    await running.ended;
    this.signal.throwIfAborted();
    if (child.exitCode === 0) return output;
    throw new KernscaleError('BENCH_PROGRAM_FAILED', `${argv[0]!} failed: ${running.failure()}`);
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
      failure: () => lastLine(errors) ?? `it ended with ${child.signalCode ?? `status ${child.exitCode}`}`,
      stop: async () => {
        kill();
        await ended;
      },
    };
  }
}

function lastLine(text: string): string | undefined {
  return text.trim().split('\n').at(-1)?.trim().slice(0, MAX_FAILURE) || undefined;
}
