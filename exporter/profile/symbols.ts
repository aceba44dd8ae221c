import { Elf } from './elf.js';
import type { ProcessFiles } from './files.js';
import type { Module } from './modules.js';
import { namesInPerfMap } from './perf-map.js';
import type { Frame } from './recording.js';

/** What the files of the sampled processes tell about the frames of a recording. */
export interface Symbols {
  /** The function of each frame, by its index; where it is missing, nobody knows. */
  readonly names: ReadonlyMap<number, string>;
  readonly buildIds: ReadonlyMap<Module, string>;
  /** Files that could not be read. */
  readonly unreadable: readonly string[];
}

type Wanted = readonly (readonly [index: number, address: number])[];
type Named = readonly (readonly [index: number, name: string])[];

/** Finds names of the user's frames: in the files' symbol tables, in separate debug files, in maps written for perf. */
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
    if (map !== undefined) for (const [index, name] of nameInMap(map, wanted)) names.set(index, name);
    else if (module.path !== '') unreadable.add(module.path);
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

interface Found {
  readonly buildId: string;
  readonly names: Named;
}

/** Undefined when the file cannot be read. */
function nameInFile(module: Module, wanted: Wanted, files: ProcessFiles): Found | undefined {
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
    const names = [...addresses].flatMap(([index, own]) => {
      const name = functions.get(own);
      return name === undefined ? [] : [[index, name] as const];
    });
    return { buildId: elf.buildId, names };
  });
}

/** Where distributions keep the symbols that they strip, if the image has them. */
function fromDebugFile(elf: Elf, { pid }: Module, addresses: readonly number[], files: ProcessFiles) {
  const { buildId, isStripped } = elf;
  if (!isStripped || buildId === '') return undefined;
  const path = `/usr/lib/debug/.build-id/${buildId.slice(0, 2)}/${buildId.slice(2)}.debug`;
  return files.with(pid, path, ({ read }) => Elf.open(read)?.functionsAt(addresses));
}

function nameInMap(map: string, wanted: Wanted): Named {
  const found = namesInPerfMap(
    map,
    wanted.map(([, address]) => address),
  );
  return wanted.flatMap(([index, address]) => {
    const name = found.get(address);
    return name === undefined ? [] : [[index, name] as const];
  });
}
