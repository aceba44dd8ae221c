import { execFile } from 'node:child_process';
import { mkdirSync, readFileSync, rmdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { ContainerCounters, Probes } from 'bpf-linker-napi';
import type { TaskReport } from './report.js';

const run = promisify(execFile);
export const CGROUP_ROOT = '/sys/fs/cgroup';

/** A tracked cgroup and a directory on the disk. */
export interface Container {
  readonly id: bigint;
  run(kind: string, milliseconds: number): Promise<TaskReport>;
  counters(): ContainerCounters;
  /** Time out of quota by the kernel's account (`throttled_usec` of cpu.stat). */
  throttledSeconds(): number;
  remove(): void;
}

/** @param settings cgroup files to write, such as `cpu.max` */
export function createContainer(
  probes: Probes,
  name: string,
  settings: Readonly<Record<string, string>> = {},
): Container {
  const cgroup = join(CGROUP_ROOT, name);
  const files = join('/disk', name);
  mkdirSync(cgroup);
  mkdirSync(files);
  for (const [file, value] of Object.entries(settings)) writeFileSync(join(cgroup, file), value);
  const id = statSync(cgroup, { bigint: true }).ino;
  const slot = probes.track(id);
  return {
    id,
    run: async (kind, milliseconds) => {
      const { stdout } = await run('tasks', [kind, cgroup, String(milliseconds)], { cwd: files });
      return JSON.parse(stdout) as TaskReport;
    },
    counters: () => probes.read().containers.find((container) => container.slot === slot)!,
    throttledSeconds: () => {
      const stat = readFileSync(join(cgroup, 'cpu.stat'), 'utf8');
      return Number(/^throttled_usec (\d+)/m.exec(stat)?.[1] ?? 0) / 1e6;
    },
    remove: () => {
      probes.untrack(id);
      rmdirSync(cgroup);
      rmSync(files, { recursive: true });
    },
  };
}
