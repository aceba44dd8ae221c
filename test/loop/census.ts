import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { RUN_DIRECTORY_PREFIX } from './leftovers.js';
import { fromRoot } from './paths.js';

/** Everything a run of the loop could leave on a machine, as names; the difference of two is what it left. */
export function census(): Set<string> {
  return new Set([...processes(), ...cgroups(), ...programs(), ...temporaryFiles()]);
}

/** What is there now and was not there before. */
export function leftSince(before: ReadonlySet<string>): string[] {
  return [...census()].filter((name) => !before.has(name));
}

/** Programs of this checkout, and whatever was told about the directory of a run. */
const OURS = [
  fromRoot('dist/'),
  fromRoot('test/workloads/build/'),
  fromRoot('.cache/'),
  RUN_DIRECTORY_PREFIX,
];

function processes(): string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => {
      const command = commandLine(pid);
      return OURS.some((part) => command.includes(part)) ? [`process ${pid} ${command}`] : [];
    });
}

function commandLine(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim();
  } catch {
    return ''; // it ended while we were looking
  }
}

function cgroups(): string[] {
  const mounts = readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .filter((line) => / - cgroup2? /.test(line))
    .map((line) => line.split(' ')[4]!);
  return mounts.flatMap((mount) =>
    readdirSync(mount)
      .filter((name) => name.startsWith('kernscale-'))
      .map((name) => `cgroup ${join(mount, name)}`),
  );
}

/** BPF programs are unloaded a moment after the last reference to them is gone; callers ask until it is so. */
function programs(): string[] {
  const listed = JSON.parse(execFileSync('bpftool', ['prog', 'show', '-j'], { encoding: 'utf8' })) as {
    id: number;
    name?: string;
  }[];
  return listed.map(({ id, name }) => `BPF program ${id} ${name ?? ''}`);
}

function temporaryFiles(): string[] {
  return readdirSync(tmpdir())
    .filter((name) => name.startsWith(RUN_DIRECTORY_PREFIX))
    .map((name) => `temporary file ${name}`);
}
