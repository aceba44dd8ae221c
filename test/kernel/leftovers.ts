import { existsSync, readFileSync, rmSync, rmdirSync, writeFileSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';

const REMOVE_TIMEOUT_MS = 2_000;

const cleaners = new Set<() => void>();
let isHandled = false;

/** Runs `clean` if the process ends, by Ctrl-C too, before the test has cleaned up; returns a function that cancels it. */
export function onEnd(clean: () => void): () => void {
  handleExit();
  cleaners.add(clean);
  return () => cleaners.delete(clean);
}

/** Turns these signals into an exit: the test runner does not handle them. */
function handleExit(): void {
  if (isHandled) return;
  isHandled = true;
  process.on('exit', () => {
    for (const clean of cleaners) clean();
  });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
    process.on(signal, () => process.exit(128 + constants.signals[signal]));
}

/** Kills the processes in the cgroups, innermost last, and removes the cgroups and the directory synchronously. */
export function removeAtOnce(cgroups: readonly string[], directory: string): void {
  const pause = new Int32Array(new SharedArrayBuffer(4));
  thaw(cgroups);
  for (const path of [...cgroups].reverse())
    for (
      const start = performance.now();
      existsSync(path) && performance.now() < start + REMOVE_TIMEOUT_MS;
    ) {
      killAll(join(path, 'cgroup.procs'));
      try {
        rmdirSync(path);
      } catch {
        Atomics.wait(pause, 0, 0, 10); // until the killed processes have left
      }
    }
  rmSync(directory, { recursive: true, force: true });
}

/** Thaws cgroups of a v1 freezer, whose processes cannot end. */
export function thaw(cgroups: readonly string[]): void {
  for (const state of cgroups.map((path) => join(path, 'freezer.state')))
    if (existsSync(state)) writeFileSync(state, 'THAWED');
}

function killAll(procs: string): void {
  for (const pid of readFileSync(procs, 'utf8').split('\n')) {
    try {
      if (pid !== '') process.kill(Number(pid), 'SIGKILL');
    } catch {
      // It has ended.
    }
  }
}
