import type { Mapping, StackSample } from 'bpf-linker-napi';

/**
 * A range of executable memory: part of a file, one for every process that maps it, or memory of one process without a
 * file. Its addresses are those of the first process that maps it.
 */
export interface Module {
  readonly pid: number;
  readonly start: number;
  readonly end: number;
  /** Of `start` in the file, in bytes. */
  readonly offset: number;
  /** 0: no file. */
  readonly inode: bigint;
  /** Empty without a file. */
  readonly path: string;
}

interface Place {
  readonly module: Module;
  readonly address: number;
}

/** Finds the module of an address, in every process whose mappings have been read. */
export class ModuleTable {
  readonly #mappings = new Map<number, readonly Mapping[]>();
  readonly #modules = new Map<string, Module>();

  /** Updates the mappings. A process that has ended keeps its last ones. */
  update(mappings: readonly Mapping[]): void {
    const byPid = new Map<number, Mapping[]>();
    for (const mapping of mappings) {
      const of = byPid.get(mapping.pid);
      if (of) of.push(mapping);
      else byPid.set(mapping.pid, [mapping]);
    }
    for (const [pid, of] of byPid) this.#mappings.set(pid, of);
  }

  /** Processes seen so far, the newest last. */
  get pids(): readonly number[] {
    return [...this.#mappings.keys()];
  }

  find(pid: number, address: number): Place | undefined {
    const mapping = this.#mappings.get(pid)?.find(({ start, end }) => start <= address && address < end);
    if (!mapping) return undefined;
    const module = this.#moduleOf(mapping);
    return { module, address: address - mapping.start + module.start };
  }

  #moduleOf(mapping: Mapping): Module {
    const { pid, start, end, offset, inode, device, path } = mapping;
    const key = inode === 0n ? `${pid} ${start}` : `${device} ${inode} ${offset} ${end - start}`;
    let module = this.#modules.get(key);
    if (!module) {
      module = { pid, start, end, offset, inode, path };
      this.#modules.set(key, module);
    }
    return module;
  }
}

/** One location in the code. */
export interface Frame {
  readonly inKernel: boolean;
  /** Undefined for the kernel, and for a process that ended before its mappings were read. */
  readonly module: Module | undefined;
  readonly address: number;
}

export interface CountedStack {
  readonly container: string;
  readonly thread: string;
  /** Indices into `frames`, innermost first. */
  readonly frames: readonly number[];
  count: number;
}

/** Sampled stacks, each different one with its count. */
export interface Recording {
  readonly frames: readonly Frame[];
  readonly stacks: readonly CountedStack[];
  /** Samples whose stack is beyond the bound on different stacks. */
  readonly dropped: number;
}

const MAX_STACKS = 20_000;

/** Adds up samples by stack. A stack beyond 20,000 different ones is only counted as dropped. */
export class Recorder implements Recording {
  readonly frames: Frame[] = [];
  dropped = 0;
  readonly #frameIndices = new Map<string, number>();
  readonly #stacks = new Map<string, CountedStack>();

  get stacks(): readonly CountedStack[] {
    return [...this.#stacks.values()];
  }

  /** @param containers names of containers by their cgroups' ids */
  add(samples: readonly StackSample[], modules: ModuleTable, containers: ReadonlyMap<bigint, string>): void {
    for (const sample of samples) {
      const frames = this.#framesOf(sample, modules);
      const container = containers.get(sample.cgroupId) ?? '';
      const key = `${container}\n${sample.thread}\n${frames.join(' ')}`;
      const known = this.#stacks.get(key);
      if (known) known.count++;
      else if (this.#stacks.size >= MAX_STACKS) this.dropped++;
      else this.#stacks.set(key, { container, thread: sample.thread, frames, count: 1 });
    }
  }

  #framesOf({ pid, kernel, user }: StackSample, modules: ModuleTable): number[] {
    const places = user.map((address, depth) => modules.find(pid, callOf(address, depth)));
    // The frame pointer of a program's first function is not set: what it leads to is not a frame.
    const outermost = places.findLastIndex((place) => place !== undefined);
    return [
      ...kernel.map((address, depth) => this.#intern(undefined, callOf(address, depth), true)),
      ...places
        .slice(0, Math.max(1, outermost + 1))
        .map((place) => this.#intern(place?.module, place?.address ?? 0, false)),
    ];
  }

  #intern(module: Module | undefined, address: number, inKernel: boolean): number {
    const where = inKernel ? 'k' : module ? `${module.pid} ${module.start}` : '';
    const key = `${where} ${address}`;
    let index = this.#frameIndices.get(key);
    if (index === undefined) {
      index = this.frames.push({ inKernel, module, address }) - 1;
      this.#frameIndices.set(key, index);
    }
    return index;
  }
}

/** Names items by their address, and drops those without a name. */
export function named(
  items: Iterable<readonly [index: number, address: number]>,
  names: ReadonlyMap<number, string>,
): [index: number, name: string][] {
  return [...items].flatMap(([index, address]): [number, string][] => {
    const name = names.get(address);
    return name === undefined ? [] : [[index, name]];
  });
}

/** Every frame but the innermost is a return address, which may be the first byte of another function. */
function callOf(address: number, depth: number): number {
  return depth === 0 ? address : address - 1;
}
