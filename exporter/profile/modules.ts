import type { Mapping } from 'bpf-linker-napi';

/**
 * Executable memory: a stretch of a file, which is the same for every process that maps it, or memory of one process
 * without a file. Addresses in it are given as its first process has them.
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

export interface Place {
  readonly module: Module;
  readonly address: number;
}

/** Which module every address of every process is in, as far as processes have been looked at. */
export class ModuleTable {
  readonly #mappings = new Map<number, readonly Mapping[]>();
  readonly #modules = new Map<string, Module>();

  /** Takes over what is mapped now. A process that has ended meanwhile keeps what it had. */
  update(mappings: readonly Mapping[]): void {
    const byPid = new Map<number, Mapping[]>();
    for (const mapping of mappings) {
      const of = byPid.get(mapping.pid);
      if (of) of.push(mapping);
      else byPid.set(mapping.pid, [mapping]);
    }
    for (const [pid, of] of byPid) this.#mappings.set(pid, of);
  }

  /** Every process that has been seen, the newest last. */
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
