import { descriptors, field, list } from '../../kernel/bpf-census.js';

/** Number and total time of a BPF program's runs, by the kernel's account. */
export interface Runs {
  readonly runs: number;
  readonly nanoseconds: number;
}

/** Runs so far of the BPF programs of a process, by program id. */
export type Accounts = ReadonlyMap<number, Runs>;

/** Returns the runs of the programs that a process has open: all that it uses, as long as it pins none. */
export function accountsOf(pid: number | 'self'): Accounts {
  const accounts = new Map<number, Runs>();
  for (const info of descriptors(pid)) {
    // A link names its program too, but not its run time.
    const nanoseconds = field(info, 'run_time_ns');
    if (nanoseconds !== undefined)
      accounts.set(field(info, 'prog_id')!, { runs: field(info, 'run_cnt')!, nanoseconds });
  }
  return accounts;
}

/** Maps the ids of all programs of the machine to their names. The kernel keeps 15 characters; BTF may hold more. */
export function programNames(): ReadonlyMap<number, string> {
  return new Map(list('prog').map(({ id, name }) => [id, name ?? '']));
}

/** Sums the runs between two readings of the same programs. */
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

/** Selects programs by id. */
export function only(accounts: Accounts, wanted: (id: number) => boolean): Accounts {
  return new Map([...accounts].filter(([id]) => wanted(id)));
}
