import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export const RUN_DIRECTORY_PREFIX = 'kernscale-loop-';

/** A directory for everything this run writes, named after this process. */
export function makeRunDirectory(): string {
  return mkdtempSync(join(tmpdir(), `${RUN_DIRECTORY_PREFIX}${process.pid}-`));
}

/** Removes the directories of runs that were killed before they could do it themselves. */
export function sweepRunDirectories(): void {
  for (const name of readdirSync(tmpdir())) {
    const pid = new RegExp(`^${RUN_DIRECTORY_PREFIX}(\\d+)-`).exec(name)?.[1];
    if (pid !== undefined && !existsSync(`/proc/${pid}`)) {
      rmSync(join(tmpdir(), name), { recursive: true, force: true });
    }
  }
}
