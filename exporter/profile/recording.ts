import type { StackSample } from 'bpf-linker-napi';
import type { Module, ModuleTable } from './modules.js';

/** One place in the code. */
export interface Frame {
  readonly inKernel: boolean;
  /** Undefined for the kernel, and for memory of a process that ended before it was looked at. */
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

/** Stacks as they were sampled, equal ones counted once. */
export interface Recording {
  readonly frames: readonly Frame[];
  readonly stacks: readonly CountedStack[];
  /** Samples whose stack was not kept, because there were too many different ones. */
  readonly dropped: number;
}

const MAX_STACKS = 20_000;

/** Adds up samples. Bounded: a stack beyond 20,000 different ones is only counted as dropped. */
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
    // Where the frame pointers of a program's first function lead is nowhere.
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

/** All frames but the innermost tell where a call returns to, which may be the first byte of another function. */
function callOf(address: number, depth: number): number {
  return depth === 0 ? address : address - 1;
}
