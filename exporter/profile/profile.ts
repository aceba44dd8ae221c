import path from 'node:path';
import type { Module } from './modules.js';
import type { CountedStack, Frame, Recording } from './recording.js';
import type { Symbols } from './symbols.js';

/** Everything a profile says; what it is written as is decided elsewhere. */
export interface Profile {
  readonly recording: Recording;
  readonly symbols: Symbols;
  readonly hz: number;
  /** Milliseconds since 1970. */
  readonly startedAt: number;
  readonly seconds: number;
  /** What a reader must know to read it rightly. */
  readonly notes: readonly string[];
}

export const KERNEL = '[kernel]';
const ANONYMOUS = '[anonymous]';
const UNKNOWN = '[unknown]';

export function fileOf(module: Module): string {
  return module.path === '' ? ANONYMOUS : module.path;
}

/** Stacks as `flamegraph.pl` and speedscope read them: frames from the outermost in, then how often. */
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

/** What is known of a place without a name. Compiled code of which nobody tells is one place, not thousands. */
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

/** A semicolon would end a frame, a line break the stack. */
function foldable(name: string): string {
  return name.replace(/[;\n\r]/g, (char) => (char === ';' ? ':' : ' '));
}
