import path from 'node:path';
import {
  Function,
  Label,
  Line,
  Location,
  Mapping,
  Profile as Pprof,
  Sample,
  StringTable,
  ValueType,
} from 'pprof-format';
import type { CountedStack, Frame, Module, Recording } from './recording.js';
import type { Symbols } from './symbols.js';

/** Content of a profile, whatever its format. */
export interface Profile {
  readonly recording: Recording;
  readonly symbols: Symbols;
  readonly hz: number;
  /** Milliseconds since 1970. */
  readonly startedAt: number;
  readonly seconds: number;
  /** Caveats for the reader. */
  readonly notes: readonly string[];
}

const KERNEL = '[kernel]';
const ANONYMOUS = '[anonymous]';
const UNKNOWN = '[unknown]';
const NS_PER_SECOND = 1e9;

function fileOf(module: Module): string {
  return module.path === '' ? ANONYMOUS : module.path;
}

/** Writes stacks as `flamegraph.pl` and speedscope read them: frames from the outermost in, then the count. */
export function folded({ recording, symbols }: Profile): string {
  const names = recording.frames.map((frame, index) => symbols.names.get(index) ?? unnamed(frame));
  const counts = new Map<string, number>();
  for (const stack of recording.stacks) {
    const line = [threadOf(stack), ...stack.frames.map((index) => names[index]!).reverse()]
      .map(foldable)
      .join(';');
    counts.set(line, (counts.get(line) ?? 0) + stack.count);
  }
  return [...counts].map(([line, count]) => `${line} ${count}\n`).join('');
}

/** Returns a stand-in for a missing name. All anonymous code is one frame, not thousands. */
function unnamed({ inKernel, module, address }: Frame): string {
  if (inKernel) return KERNEL;
  if (!module) return UNKNOWN;
  if (module.path === '') return ANONYMOUS;
  const offset = address - module.start + module.offset;
  return `${path.basename(module.path)}+0x${offset.toString(16)}`;
}

function threadOf({ container, thread }: CountedStack): string {
  return container === '' ? thread : `${container}/${thread}`;
}

/** Replaces the semicolon, which ends a frame, and the line break, which ends a stack. */
function foldable(name: string): string {
  return name.replace(/[;\n\r]/g, (char) => (char === ';' ? ':' : ' '));
}

/** Encodes the profile as a message of https://github.com/google/pprof/blob/main/proto/profile.proto, not compressed. */
export function pprof(profile: Profile): Uint8Array {
  return new Encoder(profile).encode();
}

class Encoder {
  readonly #strings = new StringTable();
  readonly #functions = new Map<string, Function>();
  readonly #mappings = new Map<Module | undefined, Mapping>();

  constructor(private readonly profile: Profile) {}

  encode(): Uint8Array {
    const { recording, hz, startedAt, seconds, notes } = this.profile;
    const period = NS_PER_SECOND / hz;
    const cpu = this.#unit('cpu', 'nanoseconds');
    const location = recording.frames.map((_, index) => this.#location(index));
    const sample = recording.stacks.map(
      ({ container, thread, frames, count }) =>
        new Sample({
          locationId: frames.map((index) => index + 1),
          value: [count, Math.round(count * period)],
          label: [this.#label('container', container), this.#label('thread', thread)],
        }),
    );
    return new Pprof({
      sampleType: [this.#unit('samples', 'count'), cpu],
      sample,
      mapping: [...this.#mappings.values()],
      location,
      function: [...this.#functions.values()],
      timeNanos: BigInt(startedAt) * 1_000_000n,
      durationNanos: Math.round(seconds * NS_PER_SECOND),
      periodType: cpu,
      period: Math.round(period),
      comment: notes.map((note) => this.#strings.dedup(note)),
      stringTable: this.#strings,
    }).encode();
  }

  /** Frames of the kernel have a name and no address: its layout must not leak. */
  #location(index: number): Location {
    const { inKernel, module, address } = this.profile.recording.frames[index]!;
    const name = this.profile.symbols.names.get(index);
    return new Location({
      id: index + 1,
      mappingId: inKernel || module ? this.#mappingOf(module).id : 0,
      address: inKernel ? 0 : address,
      line: name === undefined ? [] : [new Line({ functionId: this.#functionOf(name).id })],
    });
  }

  /** Returns the mapping of a module; undefined stands for the kernel. */
  #mappingOf(module: Module | undefined): Mapping {
    let mapping = this.#mappings.get(module);
    if (!mapping) {
      const buildId = module && this.profile.symbols.buildIds.get(module);
      mapping = new Mapping({
        id: this.#mappings.size + 1,
        memoryStart: module?.start ?? 0,
        memoryLimit: module?.end ?? 0,
        fileOffset: module?.offset ?? 0,
        filename: this.#strings.dedup(module ? fileOf(module) : KERNEL),
        buildId: this.#strings.dedup(buildId ?? ''),
        hasFunctions: module === undefined || buildId !== undefined,
      });
      this.#mappings.set(module, mapping);
    }
    return mapping;
  }

  /** pprof demangles names of C++ and Rust itself if `name` and `systemName` are the same. */
  #functionOf(name: string): Function {
    let found = this.#functions.get(name);
    if (!found) {
      const text = this.#strings.dedup(name);
      found = new Function({ id: this.#functions.size + 1, name: text, systemName: text });
      this.#functions.set(name, found);
    }
    return found;
  }

  #unit(type: string, unit: string): ValueType {
    return new ValueType({ type: this.#strings.dedup(type), unit: this.#strings.dedup(unit) });
  }

  #label(key: string, value: string): Label {
    return new Label({ key: this.#strings.dedup(key), str: this.#strings.dedup(value) });
  }
}
