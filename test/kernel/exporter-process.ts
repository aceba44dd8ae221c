import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { eventually } from '../eventually.js';
import { fileURLToPath } from 'node:url';

const EXPORTER = [process.execPath, fileURLToPath(new URL('../../dist/exporter/main.js', import.meta.url))];
/** Bound on the start, which loads the programs: a second on a quiet machine, much longer on a loaded one. */
const START_MS = 60_000;

/** An exporter in a process of its own, on a free port. Tests that wait for its URL need a timeout above START_MS. */
export class ExporterProcess {
  readonly child: ChildProcess;
  #log = '';

  /**
   * @param through - command that runs the exporter, such as `setpriv`
   * @param program - another build of the exporter
   */
  constructor(flags: readonly string[] = [], through: readonly string[] = [], program = EXPORTER) {
    const [command, ...args] = [...through, ...program, '--web.listen-address', '127.0.0.1:0', ...flags];
    this.child = spawn(command!, args, { stdio: ['ignore', 'ignore', 'pipe'] });
    this.child.stderr!.on('data', (chunk: Buffer) => (this.#log += chunk.toString()));
  }

  /** Its log so far. */
  get log(): string {
    return this.#log;
  }

  /** Waits until the exporter serves and returns its address. Rejects with the log if the process ends before. */
  async url(): Promise<string> {
    const serves = () => this.#log.includes('msg=serving');
    await eventually('the exporter serves or ends', () => serves() || hasEnded(this.child), START_MS);
    if (!serves()) throw new Error(`the exporter ends before it serves: ${this.#log}`);
    return /http:\/\/127\.0\.0\.1:\d+/.exec(this.#log)![0];
  }

  stop(signal: NodeJS.Signals): Promise<number | null> {
    return stop(this.child, signal);
  }
}

function hasEnded(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null;
}

/** Sends the signal, unless the process has ended, and returns its exit status. */
export async function stop(child: ChildProcess, signal: NodeJS.Signals): Promise<number | null> {
  if (!hasEnded(child)) {
    child.kill(signal);
    await once(child, 'exit');
  }
  return child.exitCode;
}
