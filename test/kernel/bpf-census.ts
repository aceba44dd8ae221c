import { execFileSync } from 'node:child_process';
import { readFileSync, readdirSync } from 'node:fs';
import { errorCode } from '../../common/errors.js';

export type BpfKind = 'prog' | 'map';

/** Ids of the BPF programs or maps that a process holds. */
export function heldBy(pid: number | 'self', kind: BpfKind): readonly number[] {
  return [...new Set(descriptors(pid).flatMap((info) => field(info, `${kind}_id`) ?? []))];
}

/** Ids of all BPF programs or maps on the machine. */
export function all(kind: BpfKind): readonly number[] {
  return list(kind).map(({ id }) => id);
}

/** Bytes of kernel memory that the kernel accounts for this process's maps. */
export function mapMemory(): number {
  const byId = new Map<number, number>();
  for (const info of descriptors('self')) {
    const id = field(info, 'map_id');
    if (id !== undefined) byId.set(id, field(info, 'memlock')!);
  }
  return [...byId.values()].reduce((sum, bytes) => sum + bytes, 0);
}

/** Number of entries in each of this process's hash maps. */
export function hashEntries(): Readonly<Record<string, number>> {
  const held = new Set(heldBy('self', 'map'));
  const hashes = list('map').filter(({ id, type }) => held.has(id) && type === 'hash');
  return Object.fromEntries(
    hashes.map(({ id, name = '' }) => [name, (bpftool('map', 'dump', 'id', String(id)) as unknown[]).length]),
  );
}

interface Listed {
  readonly id: number;
  readonly name?: string;
  readonly type: string;
}

/** All BPF programs or maps on the machine. */
export function list(kind: BpfKind): readonly Listed[] {
  return bpftool(kind, 'list') as readonly Listed[];
}

export function bpftool(...command: readonly string[]): unknown {
  const env = { PATH: `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin` };
  const options = { encoding: 'utf8', maxBuffer: 64 << 20, env } as const;
  return JSON.parse(execFileSync('bpftool', ['--json', ...command], options));
}

/** The fdinfo of each descriptor of a process. */
export function descriptors(pid: number | 'self'): readonly string[] {
  const directory = `/proc/${pid}/fdinfo`;
  return ifReadable(() => readdirSync(directory)).flatMap((fd) =>
    ifReadable(() => [readFileSync(`${directory}/${fd}`, 'utf8')]),
  );
}

/** Returns nothing if the process has ended, the descriptor is closed or reading it is not permitted. */
function ifReadable(read: () => string[]): string[] {
  try {
    return read();
  } catch (error) {
    if (['ENOENT', 'ESRCH', 'EACCES'].includes(errorCode(error) ?? '')) return [];
    throw error;
  }
}

/** A numeric field of an fdinfo. */
export function field(info: string, name: string): number | undefined {
  const value = new RegExp(`^${name}:\\s*(\\d+)$`, 'm').exec(info)?.[1];
  return value === undefined ? undefined : Number(value);
}
