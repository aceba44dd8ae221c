import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { promisify } from 'node:util';

/** How often a BPF program ran, and how long in all, as the kernel accounts it. */
export interface Runs {
  readonly runs: number;
  readonly nanoseconds: number;
}

/** The BPF programs of a process by their ids, with what the kernel has accounted for each so far. */
export type Accounts = ReadonlyMap<number, Runs>;

/** The programs that a process has open, which is all that it uses as long as it pins none. */
export function accountsOf(pid: number | 'self'): Accounts {
  const directory = `/proc/${pid}/fdinfo`;
  const accounts = new Map<number, Runs>();
  for (const fd of list(directory)) {
    const info = read(`${directory}/${fd}`);
    // A link names its program too, but does not say what it costs.
    const nanoseconds = field(info, 'run_time_ns');
    if (nanoseconds !== undefined)
      accounts.set(field(info, 'prog_id')!, { runs: field(info, 'run_cnt')!, nanoseconds });
  }
  return accounts;
}

/** Names of all programs of the machine by id. The kernel keeps 15 characters; type information may say more. */
export async function programNames(): Promise<ReadonlyMap<number, string>> {
  const { stdout } = await promisify(execFile)('bpftool', ['--json', 'prog', 'show'], {
    maxBuffer: 64 << 20,
    env: { PATH: `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin` },
  });
  const programs = JSON.parse(stdout) as readonly { id: number; name?: string }[];
  return new Map(programs.map(({ id, name }) => [id, name ?? '']));
}

/** What was added between two looks at the same programs. */
export function added(before: Accounts, after: Accounts): Runs {
  const deltas = [...after].map(([id, now]) => ({
    runs: now.runs - (before.get(id)?.runs ?? 0),
    nanoseconds: now.nanoseconds - (before.get(id)?.nanoseconds ?? 0),
  }));
  return {
    runs: deltas.reduce((sum, { runs }) => sum + runs, 0),
    nanoseconds: deltas.reduce((sum, { nanoseconds }) => sum + nanoseconds, 0),
  };
}

/** The programs of which the id satisfies a condition. */
export function only(accounts: Accounts, wanted: (id: number) => boolean): Accounts {
  return new Map([...accounts].filter(([id]) => wanted(id)));
}

function field(info: string, name: string): number | undefined {
  const value = new RegExp(`^${name}:\\s*(\\d+)`, 'm').exec(info)?.[1];
  return value === undefined ? undefined : Number(value);
}

function list(directory: string): readonly string[] {
  try {
    return readdirSync(directory);
  } catch {
    return []; // the process has ended
  }
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return ''; // closed meanwhile
  }
}
