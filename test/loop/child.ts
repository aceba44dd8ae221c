import { spawn, type ChildProcess } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { fromRoot } from '../../sandbox/paths.js';

/** `npm start`, without the setup, as a child process. */
export interface LoopChild {
  readonly process: ChildProcess;
  stdout(): string;
  stderr(): string;
  /** Resolves with its exit status, or its signal. */
  readonly ended: Promise<number | string>;
  /** Waits until the pattern appears on standard error. @throws Error with all output if the child ends first */
  see(pattern: RegExp): Promise<RegExpExecArray>;
}

export function runLoop(args: readonly string[]): LoopChild {
  const child = spawn(process.execPath, [fromRoot('dist/sandbox/loop/main.js'), ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  let over = false;
  const ended = new Promise<number | string>((resolve) => {
    child.once('close', (code, signal) => {
      over = true;
      resolve(signal ?? code ?? 0);
    });
  });
  return {
    process: child,
    stdout: () => stdout,
    stderr: () => stderr,
    ended,
    async see(pattern) {
      for (;;) {
        const match = pattern.exec(stderr);
        if (match) return match;
        if (over) throw new Error(`ended before it printed ${String(pattern)}:\n${stderr}`);
        await sleep(100);
      }
    },
  };
}

/** Calls `read` until it returns a value. @throws Error after `seconds` */
export async function eventually<T>(
  seconds: number,
  read: () => Promise<T | undefined> | T | undefined,
): Promise<T> {
  const deadline = Date.now() + seconds * 1000;
  for (;;) {
    const value = await read();
    if (value !== undefined) return value;
    if (Date.now() > deadline) throw new Error(`no value within ${seconds} s`);
    await sleep(200);
  }
}
