import { spawn } from 'node:child_process';
import { openSync, closeSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { KernscaleError } from '../../common/errors.js';

const READY_TIMEOUT_MS = 60_000;
const POLL_MS = 100;
const LOG_LINES = 10;

export interface Program {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
  /** Receives its standard output and error. */
  readonly logFile: string;
  /** Responds with 200 once the program can be used. */
  readonly readyUrl: string;
}

export interface Running {
  readonly pid: number;
  /** Exit status or signal. */
  readonly exited: Promise<string>;
  hasExited(): boolean;
  /** Sends SIGTERM, then SIGKILL after `graceMs`. */
  stop(graceMs: number): Promise<void>;
}

/**
 * Starts a program that cannot outlive this process, however that dies: the kernel kills it (PR_SET_PDEATHSIG, through
 * util-linux' setpriv).
 */
export function start(program: Program): Running {
  const log = openSync(program.logFile, 'a');
  const child = spawn('setpriv', ['--pdeathsig', 'KILL', '--', program.command, ...program.args], {
    env: { ...process.env, ...program.env },
    stdio: ['ignore', log, log],
    // A process group of its own: Ctrl-C on the terminal reaches this process only, which stops programs in order.
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
 * Waits until the program's ready URL responds with 200.
 *
 * @throws KernscaleError `START_FAILED` with the end of its log when it exits or takes too long
 */
export async function untilReady(program: Program, running: Running, signal: AbortSignal): Promise<void> {
  const deadline = Date.now() + READY_TIMEOUT_MS;
  for (;;) {
    const ready = await responds(program.readyUrl);
    signal.throwIfAborted();
    // Even after a response: it may come from another process that has taken the port.
    if (running.hasExited()) throw startFailed(program, `exited (${await running.exited})`);
    if (ready) return;
    if (Date.now() > deadline) throw startFailed(program, `was not ready after ${READY_TIMEOUT_MS / 1000} s`);
    await sleep(POLL_MS);
  }
}

async function responds(url: string): Promise<boolean> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(1000) });
    await response.body?.cancel();
    return response.ok;
  } catch {
    return false; // not listening yet
  }
}

/** Several lines of the log: a program that refuses to start lists all of its errors. */
function startFailed(program: Program, what: string): KernscaleError {
  const log = readFileSync(program.logFile, 'utf8').trim().split('\n').slice(-LOG_LINES).join('\n');
  return new KernscaleError(
    'START_FAILED',
    `${program.name} ${what}; its log ends with: ${log || '(nothing)'}`,
  );
}
