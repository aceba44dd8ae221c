import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { eventually } from '../unit/loopback-api.js';

const MAIN = fileURLToPath(new URL('../../dist/exporter/main.js', import.meta.url));

/** An exporter in a process of its own, on a free port. */
export class ExporterProcess {
  readonly child: ChildProcess;
  #log = '';

  /** @param through a command that runs it */
  constructor(flags: readonly string[] = [], through: readonly string[] = []) {
    const exporter = [process.execPath, MAIN, '--web.listen-address', '127.0.0.1:0'];
    const [command, ...args] = [...through, ...exporter, ...flags];
    this.child = spawn(command!, args, { stdio: ['ignore', 'ignore', 'pipe'] });
    this.child.stderr!.on('data', (chunk: Buffer) => (this.#log += chunk.toString()));
  }

  /** Everything it has logged. */
  get log(): string {
    return this.#log;
  }

  /** Where it listens, once it does. */
  async url(): Promise<string> {
    await eventually(`it serves: ${this.#log}`, () => this.#log.includes('msg=serving'), 10_000);
    return /http:\/\/127\.0\.0\.1:\d+/.exec(this.#log)![0];
  }

  stop(signal: NodeJS.Signals): Promise<number | null> {
    return stop(this.child, signal);
  }
}

/** Ends a process, unless it has ended, and returns its exit status. */
export async function stop(child: ChildProcess, signal: NodeJS.Signals): Promise<number | null> {
  if (child.exitCode === null && child.signalCode === null) {
    child.kill(signal);
    await once(child, 'exit');
  }
  return child.exitCode;
}
