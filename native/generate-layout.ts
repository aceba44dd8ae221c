// Writes the layout that BPF programs and user space share, as TypeScript, from the type information (BTF) of the BPF
// objects, and a header with its digest, by which the addon names the layout that it was built from.
//
//   tsx generate-layout.ts BPFTOOL LAYOUT.ts DIGEST.h
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';

const PRINT_WIDTH = 110;
/** Units of histograms, by the names of their sums, which are their first members. */
const UNITS: ReadonlyMap<string, string> = new Map([
  ['sum_ns', 'seconds'],
  ['sum_bytes', 'bytes'],
]);

/** One type, as `bpftool -j btf dump` prints it: only enums have values, and only structs have members. */
interface Type {
  readonly id: number;
  readonly kind: string;
  readonly name: string;
  readonly size: number;
  readonly values: readonly { readonly name: string; readonly val: number }[];
  readonly members?: readonly {
    readonly name: string;
    readonly type_id: number;
    readonly bits_offset: number;
  }[];
}

/** Types in a BPF object. */
class ObjectTypes {
  readonly #types: readonly Type[];

  constructor(
    bpftool: string,
    private readonly file: string,
  ) {
    const dump = ['-j', 'btf', 'dump', 'file', file];
    const json = execFileSync(bpftool, dump, { encoding: 'utf8', maxBuffer: 2 ** 26 });
    this.#types = (JSON.parse(json) as { types: readonly Type[] }).types;
  }

  /** Returns the enumerators before the one that counts them, without their prefix. */
  names(name: string, prefix: string): string[] {
    const all = this.#find('ENUM', name).values.map((value) => value.name);
    const named = all.slice(
      0,
      all.findIndex((one) => one.startsWith('NR_')),
    );
    return named.map((one) => {
      if (!one.startsWith(prefix)) throw new Error(`${one} of enum ${name} does not begin with ${prefix}`);
      return `'${one.slice(prefix.length).toLowerCase()}'`;
    });
  }

  constants(name: string): Record<string, number> {
    const { values } = this.#find('ENUM', name);
    return Object.fromEntries(values.map((value) => [value.name.toLowerCase(), value.val]));
  }

  /** Returns the offsets of the members of a struct, and its size, in bytes. */
  offsets(name: string): Record<string, number> {
    const { members = [], size } = this.#find('STRUCT', name);
    const offsets = members.map((member) => [member.name, member.bits_offset / 8] as const);
    return { ...Object.fromEntries(offsets), sizeof: size };
  }

  /** Returns the units of the histograms among the members of a struct. */
  histograms(name: string): Record<string, string> {
    const { members = [] } = this.#find('STRUCT', name);
    const units = members.flatMap((member) => {
      const sum = this.#types.find(({ id }) => id === member.type_id)?.members?.[0]?.name ?? '';
      return UNITS.has(sum) ? [[member.name, `'${UNITS.get(sum)!}'`] as const] : [];
    });
    return Object.fromEntries(units);
  }

  #find(kind: string, name: string): Type {
    const found = this.#types.find((type) => type.kind === kind && type.name === name);
    if (found === undefined) throw new Error(`${this.file} has no ${kind.toLowerCase()} ${name} in its BTF`);
    return found;
  }
}

function list(name: string, type: string, items: readonly string[]): string {
  return `${constant(name, '[', items, ']')}export type ${type} = (typeof ${name})[number];\n`;
}

function table(name: string, values: Readonly<Record<string, string | number>>, type?: string): string {
  const items = Object.entries(values).map(([key, value]) => `${key}: ${value}`);
  const keys = type === undefined ? '' : `export type ${type} = keyof typeof ${name};\n`;
  return `${constant(name, '{ ', items, ' }')}${keys}`;
}

/** Breaks lines as prettier does. */
function constant(name: string, open: string, items: readonly string[], close: string): string {
  const line = `export const ${name} = ${open}${items.join(', ')}${close} as const;\n`;
  if (line.length <= PRINT_WIDTH + 1) return line;
  const lines = items.map((item) => `  ${item},\n`).join('');
  return `export const ${name} = ${open.trim()}\n${lines}${close.trim()} as const;\n`;
}

const [bpftool, layoutFile, digestFile] = process.argv.slice(2) as [string, string, string];
const kernscale = new ObjectTypes(bpftool, 'build/kernscale.bpf.o');
const profile = new ObjectTypes(bpftool, 'build/profile.bpf.o');
const layout = [
  list('STATES', 'State', kernscale.names('thread_state', 'STATE_')),
  list('CONTAINER_HISTOGRAMS', 'ContainerHistogram', [
    ...kernscale.names('thread_state', 'STATE_').slice(0, -1), // the last one has no histogram
    ...kernscale.names('container_histogram', 'HISTOGRAM_'),
  ]),
  list('CONTAINER_SCALARS', 'ContainerScalar', kernscale.names('container_scalar', 'SCALAR_')),
  table('BLOCKIO_HISTOGRAMS', kernscale.histograms('blockio_entry'), 'BlockIoHistogram'),
  list('BLOCKIO_SCALARS', 'BlockIoScalar', kernscale.names('blockio_scalar', 'BLOCKIO_')),
  table('PEER_HISTOGRAMS', kernscale.histograms('peer_entry'), 'PeerHistogram'),
  list('PEER_SCALARS', 'PeerScalar', kernscale.names('peer_scalar', 'PEER_')),
  list('BLOCK_OPS', 'BlockOp', kernscale.names('block_op', 'BLOCK_')),
  list('DROPS', 'Drop', kernscale.names('drop', 'DROP_')),
  list('PROBES', 'ProbeName', kernscale.names('probe_name', 'PROBE_')),
  table('EXPONENTS', { ...kernscale.constants('time_bound'), ...kernscale.constants('size_bound') }),
  table('BLOCKIO_KEY', kernscale.offsets('blockio_key')),
  table('PEER_KEY', kernscale.offsets('peer_key')),
  table('STACK_SAMPLE', profile.offsets('stack_sample')),
  table('MAPPING', profile.offsets('mapping')),
  table('PROFILE_BOUNDS', profile.constants('profile_bound')),
].join('\n');
const digest = createHash('sha256').update(layout).digest('hex').slice(0, 16);

const text = `// Generated by generate-layout.ts from the BTF of the BPF objects, that is from bpf/layout.h and bpf/profile.h.

/** The addon must have been built from the same layout. */
export const LAYOUT_DIGEST = '${digest}';

${layout}`;
if (!existsSync(layoutFile) || readFileSync(layoutFile, 'utf8') !== text) writeFileSync(layoutFile, text);
writeFileSync(digestFile, `#define LAYOUT_DIGEST "${digest}"\n`);
