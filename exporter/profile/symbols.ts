import { Elf } from './elf.js';
import type { ProcessFiles } from './files.js';
import { named, type Frame, type Module } from './recording.js';

/** Names of the frames of a recording, from the files of the sampled processes. */
export interface Symbols {
  /** Functions by the index of their frame. */
  readonly names: ReadonlyMap<number, string>;
  readonly buildIds: ReadonlyMap<Module, string>;
  /** Files that could not be read. */
  readonly unreadable: readonly string[];
}

type Wanted = readonly (readonly [index: number, address: number])[];

/** Names user-space frames from symbol tables, separate debug files and maps written for perf. */
export function findSymbols(frames: readonly Frame[], files: ProcessFiles): Symbols {
  const names = new Map<number, string>();
  const buildIds = new Map<Module, string>();
  const unreadable = new Set<string>();
  const perfMaps = new Map<number, string | undefined>();
  for (const [module, wanted] of byModule(frames)) {
    const found = nameInFile(module, wanted, files);
    if (found) {
      if (found.buildId !== '') buildIds.set(module, found.buildId);
      for (const [index, name] of found.names) names.set(index, name);
      continue;
    }
    if (!perfMaps.has(module.pid)) perfMaps.set(module.pid, files.perfMap(module.pid));
    const map = perfMaps.get(module.pid);
    if (map !== undefined) {
      const inMap = namesInPerfMap(
        map,
        wanted.map(([, address]) => address),
      );
      for (const [index, name] of named(wanted, inMap)) names.set(index, name);
    } else if (module.path !== '') unreadable.add(module.path);
  }
  return { names, buildIds, unreadable: [...unreadable] };
}

function byModule(frames: readonly Frame[]): Map<Module, (readonly [number, number])[]> {
  const wanted = new Map<Module, (readonly [number, number])[]>();
  for (const [index, { module, address }] of frames.entries()) {
    if (!module) continue;
    const of = wanted.get(module);
    if (of) of.push([index, address]);
    else wanted.set(module, [[index, address]]);
  }
  return wanted;
}

/** Returns undefined when the file cannot be read. */
function nameInFile(module: Module, wanted: Wanted, files: ProcessFiles) {
  return files.withModule(module, ({ read }) => {
    const elf = Elf.open(read);
    if (!elf) return { buildId: '', names: [] };
    const addresses = new Map(
      wanted.flatMap(([index, address]) => {
        const own = elf.addressOf(address - module.start + module.offset);
        return own === undefined ? [] : [[index, own] as const];
      }),
    );
    const all = [...addresses.values()];
    const functions = fromDebugFile(elf, module, all, files) ?? elf.functionsAt(all);
    return { buildId: elf.buildId, names: named(addresses, functions) };
  });
}

/** Reads the file in which distributions keep stripped symbols, if the image has it. */
function fromDebugFile(elf: Elf, { pid }: Module, addresses: readonly number[], files: ProcessFiles) {
  const { buildId, isStripped } = elf;
  if (!isStripped || buildId === '') return undefined;
  const path = `/usr/lib/debug/.build-id/${buildId.slice(0, 2)}/${buildId.slice(2)}.debug`;
  return files.with(pid, path, ({ read }) => Elf.open(read)?.functionsAt(addresses));
}

/**
 * Names just-in-time compiled code from the text of `/tmp/perf-PID.map` (Node.js with --perf-basic-prof, Java with
 * `jcmd PID Compiler.perfmap`, Python with -X perf). A line has start and size in hexadecimal, which Java prefixes with
 * 0x, and a name. Code moves, so of two lines that overlap the later one counts.
 *
 * https://github.com/torvalds/linux/blob/master/tools/perf/Documentation/jit-interface.txt
 */
export function namesInPerfMap(text: string, addresses: readonly number[]): ReadonlyMap<number, string> {
  const wanted = [...new Set(addresses)].sort((a, b) => a - b);
  const names = new Map<number, string>();
  for (const [, from, bytes, name] of text.matchAll(/^(?:0x)?([0-9a-f]+) (?:0x)?([0-9a-f]+) (.+)$/gim)) {
    const start = parseInt(from!, 16);
    const end = start + parseInt(bytes!, 16);
    for (const address of wanted) {
      if (address >= end) break;
      if (address >= start) names.set(address, name!);
    }
  }
  return names;
}
