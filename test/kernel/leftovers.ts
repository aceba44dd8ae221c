import { existsSync, readFileSync, rmSync, rmdirSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';

const PATIENCE_MS = 2_000;

const cleaners = new Set<() => void>();
let watching = false;

/**
 * Cleans up when the process is ended, Ctrl-C included, before a test could do so itself. Answers what withdraws it.
 */
export function onEnd(clean: () => void): () => void {
  watchForTheEnd();
  cleaners.add(clean);
  return () => cleaners.delete(clean);
}

/** The test runner has no handler of these signals: nothing would be run any more. */
function watchForTheEnd(): void {
  if (watching) return;
  watching = true;
  process.on('exit', () => {
    for (const clean of cleaners) clean();
  });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
    process.on(signal, () => process.exit(128 + constants.signals[signal]));
}

/** Ends what runs in the cgroups, of which the innermost are last, and removes them and the directory, synchronously. */
export function removeAtOnce(cgroups: readonly string[], directory: string): void {
  const pause = new Int32Array(new SharedArrayBuffer(4));
  for (const path of [...cgroups].reverse())
    for (const start = performance.now(); existsSync(path) && performance.now() < start + PATIENCE_MS;) {
      killAll(join(path, 'cgroup.procs'));
      try {
        rmdirSync(path);
      } catch {
        Atomics.wait(pause, 0, 0, 10); // until who was killed has left
      }
    }
  rmSync(directory, { recursive: true, force: true });
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
