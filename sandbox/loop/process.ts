import { spawn } from 'node:child_process';
import { openSync, closeSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { KernscaleError } from '../../common/errors.js';

const READY_TIMEOUT_MS = 60_000;
const POLL_MS = 100;
const LAST_WORDS = 10;

export interface Program {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
  /** Takes its standard output and error. */
  readonly logFile: string;
  /** Answers 200 once the program can be used. */
  readonly readyUrl: string;
}

export interface Running {
  readonly pid: number;
  readonly exited: Promise<string>;
  hasExited(): boolean;
  /** SIGTERM, and SIGKILL for one that has not ended after `graceMs`. */
  stop(graceMs: number): Promise<void>;
}

/**
 * Starts a program that cannot outlive us: the kernel kills it when this process dies, however it dies
 * (PR_SET_PDEATHSIG, through util-linux' setpriv).
 */
export function start(program: Program): Running {
  const log = openSync(program.logFile, 'a');
  const child = spawn('setpriv', ['--pdeathsig', 'KILL', '--', program.command, ...program.args], {
    env: { ...process.env, ...program.env },
    stdio: ['ignore', log, log],
    // A group of its own: Ctrl-C on the terminal must reach us only, so that we end things in order.
    detached: true,
  });
  closeSync(log);
  let running = true;
  const exited = new Promise<string>((resolve) => {
    child.once('error', (error) => {
      running = false;
      resolve(error.message);
    });
    child.once('exit', (code, signal) => {
      running = false;
      resolve(signal === null ? `exit status ${code ?? 0}` : signal);
    });
  });
  return {
    pid: child.pid ?? 0,
    exited,
    hasExited: () => !running,
    async stop(graceMs) {
      if (running) child.kill('SIGTERM');
      const timer = setTimeout(() => child.kill('SIGKILL'), graceMs);
      await exited;
      clearTimeout(timer);
    },
  };
}

/**
 * Waits until the program answers its ready URL.
 *
 * @throws KernscaleError `START_FAILED` with the last line of its log when it ends or takes too long
 */
export async function untilReady(program: Program, running: Running, signal: AbortSignal): Promise<void> {
  const deadline = Date.now() + READY_TIMEOUT_MS;
  for (;;) {
    const ready = await answers(program.readyUrl);
    signal.throwIfAborted();
    // Also when there is an answer: it may come from another process that has taken the port.
    if (running.hasExited()) throw startFailed(program, `ended with ${await running.exited}`);
    if (ready) return;
    if (Date.now() > deadline) throw startFailed(program, `was not ready after ${READY_TIMEOUT_MS / 1000} s`);
    await sleep(POLL_MS);
  }
}

async function answers(url: string): Promise<boolean> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(1000) });
    await response.body?.cancel();
    return response.ok;
  } catch {
    return false; // not listening yet: the caller asks again until its deadline
  }
}

/** What it said last, whole: a program that refuses to start tells all that is wrong at once. */
function startFailed(program: Program, what: string): KernscaleError {
  const said = readFileSync(program.logFile, 'utf8').trim().split('\n').slice(-LAST_WORDS).join('\n');
  return new KernscaleError('START_FAILED', `${program.name} ${what}; its last words: ${said || '(none)'}`);
}
