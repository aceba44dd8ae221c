import { execFileSync } from 'node:child_process';
import { readFileSync, readdirSync } from 'node:fs';

export type BpfKind = 'prog' | 'map';

/** Ids of the BPF programs or maps that a process holds. */
export function heldBy(pid: number | 'self', kind: BpfKind): readonly number[] {
  return [...new Set(descriptors(pid).flatMap((info) => field(info, `${kind}_id`) ?? []))];
}

/** Ids of all BPF programs or maps of the machine. */
export function all(kind: BpfKind): readonly number[] {
  return list(kind).map(({ id }) => id);
}

/** Bytes of kernel memory that the kernel accounts for a process' maps. */
export function mapMemory(): number {
  const byId = new Map<number, number>();
  for (const info of descriptors('self')) {
    const id = field(info, 'map_id');
    if (id !== undefined) byId.set(id, field(info, 'memlock')!);
  }
  return [...byId.values()].reduce((sum, bytes) => sum + bytes, 0);
}

/** How many entries each of this process' hash maps has. */
export function hashEntries(): Readonly<Record<string, number>> {
  const held = new Set(heldBy('self', 'map'));
  const hashes = list('map').filter(({ id, type }) => held.has(id) && type === 'hash');
  return Object.fromEntries(
    hashes.map(({ id, name }) => [name, (bpftool('map', 'dump', 'id', String(id)) as unknown[]).length]),
  );
}

interface Listed {
  readonly id: number;
  readonly name: string;
  readonly type: string;
}

function list(kind: BpfKind): readonly Listed[] {
  return bpftool(kind, 'list') as readonly Listed[];
}

function bpftool(...command: readonly string[]): unknown {
  const options = { encoding: 'utf8', maxBuffer: 64 << 20 } as const;
  return JSON.parse(execFileSync('bpftool', ['--json', ...command], options));
}

/** A descriptor may be closed while one looks. */
function descriptors(pid: number | 'self'): readonly string[] {
  return readdirSync(`/proc/${pid}/fdinfo`).flatMap((fd) => {
    try {
      return [readFileSync(`/proc/${pid}/fdinfo/${fd}`, 'utf8')];
    } catch {
      return [];
    }
  });
}

function field(info: string, name: string): number | undefined {
  const value = new RegExp(`^${name}:\\s*(\\d+)$`, 'm').exec(info)?.[1];
  return value === undefined ? undefined : Number(value);
}
