import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { cgroupMounts } from '../../sandbox/cluster/kubelet/cgroup.js';
import { all, heldBy } from '../kernel/bpf-census.js';
import { RUN_DIRECTORY_PREFIX } from '../../sandbox/loop/loop.js';
import { fromRoot } from '../../sandbox/paths.js';

/** Names everything that a run of the loop could leave on a machine. */
export function census(): Set<string> {
  return new Set([...processes(), ...cgroups(), ...programs(), ...temporaryFiles()]);
}

/** Returns what exists now and did not exist before. */
export function leftSince(before: ReadonlySet<string>): string[] {
  return [...census()].filter((name) => !before.has(name));
}

/** Parts of the command lines of our processes: programs of this checkout, and the directory of a run. */
const OURS = [
  fromRoot('dist/'),
  fromRoot('sandbox/workloads/build/'),
  fromRoot('.cache/'),
  RUN_DIRECTORY_PREFIX,
];

function processes(): string[] {
  return livingPids()
    .filter(isOurs)
    .map((pid) => `process ${pid} ${commandLine(pid)}`);
}

function livingPids(): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number);
}

function isOurs(pid: number): boolean {
  const command = commandLine(pid);
  return OURS.some((part) => command.includes(part));
}

function commandLine(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim();
  } catch {
    return ''; // it has just ended
  }
}

/** Drops the names with the pid of a living process that is not ours. */
function unlessOfOthers(names: readonly string[], form: RegExp): string[] {
  return names.filter((name) => {
    const pid = form.exec(name)?.[1];
    return pid !== undefined && (!existsSync(`/proc/${pid}`) || isOurs(Number(pid)));
  });
}

function cgroups(): string[] {
  const { unified, cpu } = cgroupMounts();
  return [unified, cpu]
    .filter((mount) => mount !== undefined)
    .flatMap((mount) =>
      unlessOfOthers(readdirSync(mount), /^kernscale-(\d+)-\d+-\d+$/).map(
        (name) => `cgroup ${join(mount, name)}`,
      ),
    );
}

/** The kernel unloads BPF programs shortly after the last reference is gone, so callers retry. */
function programs(): string[] {
  const ofOthers = new Set(
    livingPids()
      .filter((pid) => !isOurs(pid))
      .flatMap((pid) => heldBy(pid, 'prog')),
  );
  return all('prog')
    .filter((id) => !ofOthers.has(id))
    .map((id) => `BPF program ${id}`);
}

function temporaryFiles(): string[] {
  const form = new RegExp(`^${RUN_DIRECTORY_PREFIX}(\\d+)-`);
  return unlessOfOthers(readdirSync(tmpdir()), form).map((name) => `temporary file ${name}`);
}
