import { readdirSync, readFileSync } from 'node:fs';

const DIRECTORY = '/proc/self/fdinfo';

/**
 * How many runs of this process's BPF programs the kernel has skipped so far. It skips a program on a CPU where
 * another run of it has not ended; since tracepoint programs can be preempted (seen on 7.x), any task can be in
 * its way. Each skipped run is a message that nobody saw.
 */
export function skippedRuns(): number {
  return readdirSync(DIRECTORY)
    .map((fd) => Number(/^recursion_misses:\s*(\d+)/m.exec(read(fd))?.[1] ?? 0))
    .reduce((sum, misses) => sum + misses, 0);
}

function read(fd: string): string {
  try {
    return readFileSync(`${DIRECTORY}/${fd}`, 'utf8');
  } catch {
    return ''; // the descriptor of the listing itself, closed by now
  }
}
