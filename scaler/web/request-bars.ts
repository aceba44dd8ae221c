import type { HarmTrace, Part } from '../core/decision.js';
import { milliseconds } from '../core/format.js';
import { partName } from '../core/format-harm.js';

/** A smaller part of a request is not named beside the bars. */
const MIN_NAMED = 0.01;
const MAX_NAMED = 4;

/** The time of a request by part, now above usual, as bars of one scale. */
export interface RequestBars {
  readonly bars: readonly Bar[];
  /** What the bars show, in words, largest part first: `shop/orders 190 ms (usually 9.5 ms)`. */
  readonly texts: readonly string[];
}

interface Bar {
  /** `now` or `usual`. */
  readonly name: string;
  /** Length of the whole bar in words: `210 ms`. */
  readonly text: string;
  readonly segments: readonly {
    /** The colour: name of a part, `peer` for every peer. */
    readonly kind: string;
    /** Share of the longer bar, 0..1. */
    readonly share: number;
  }[];
}

/** Returns the bars of a request; undefined where no requests are measured. */
export function requestBars(harm: HarmTrace | undefined): RequestBars | undefined {
  if (!harm || sum(harm.parts, now) <= 0) return undefined;
  // The same part has the same place in both bars.
  const parts = [...harm.parts].sort((a, b) => now(b) - now(a));
  const isKnown = parts.some(({ usual: it }) => it !== undefined);
  const longest = Math.max(sum(parts, now), sum(parts, usual));
  return {
    bars: [barOf('now', parts, now, longest), ...(isKnown ? [barOf('usual', parts, usual, longest)] : [])],
    texts: parts
      .filter((part) => Math.max(now(part), usual(part)) >= MIN_NAMED * longest)
      .slice(0, MAX_NAMED)
      .map((part) => {
        const before = part.usual === undefined ? '' : ` (usually ${milliseconds(part.usual)})`;
        return `${partName(part.name)} ${milliseconds(part.now)}${before}`;
      }),
  };
}

function barOf(name: string, parts: readonly Part[], of: (part: Part) => number, longest: number): Bar {
  return {
    name,
    text: milliseconds(sum(parts, of)),
    segments: parts.map((part) => ({
      kind: part.isPeer ? 'peer' : part.name,
      share: of(part) / longest,
    })),
  };
}

function sum(parts: readonly Part[], of: (part: Part) => number): number {
  return parts.reduce((total, part) => total + of(part), 0);
}

function now(part: Part): number {
  return part.now;
}

function usual(part: Part): number {
  return part.usual ?? 0;
}
