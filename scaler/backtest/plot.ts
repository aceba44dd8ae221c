import { UNKNOWN, type Timeline } from './timeline.js';

const HEIGHT = 8;
const GLYPHS = { both: '█', proposed: '▒', actual: '·', none: ' ' };

/** Explains the glyphs of `plot`. */
export function legend(proposed: string, actual: string): string {
  return `${GLYPHS.both} ${proposed} and ${actual}  ${GLYPHS.proposed} ${proposed} only  ${GLYPHS.actual} ${actual} only`;
}

/**
 * Draws proposed and actual replicas over time as filled columns; each shows the highest count of its time.
 *
 * @param columns width in characters
 */
export function plot({ proposed, actual, length }: Timeline, columns: number): string[] {
  const width = Math.min(columns, length);
  const heights = Array.from({ length: width }, (_, column) => {
    const from = Math.floor((column * length) / width);
    const to = Math.max(from + 1, Math.floor(((column + 1) * length) / width));
    return { proposed: highest(proposed, from, to), actual: highest(actual, from, to) };
  });
  const top = Math.max(1, ...heights.map((column) => Math.max(column.proposed, column.actual)));
  const rows = Math.min(HEIGHT, top);
  const labelWidth = String(top).length;
  return Array.from({ length: rows }, (_, index) => {
    const above = rows - index - 1;
    // A row is filled as soon as a count reaches into it.
    const reaches = (replicas: number): boolean => replicas > (above * top) / rows;
    const label = index === 0 ? String(top) : '';
    const glyphs = heights.map((column) => glyph(reaches(column.proposed), reaches(column.actual)));
    return `${label.padStart(labelWidth)} │${glyphs.join('')}`;
  });
}

function highest(replicas: Int32Array, from: number, to: number): number {
  let most = UNKNOWN;
  for (let index = from; index < to; index++) most = Math.max(most, replicas[index]!);
  return most;
}

function glyph(proposed: boolean, actual: boolean): string {
  if (proposed && actual) return GLYPHS.both;
  if (proposed) return GLYPHS.proposed;
  return actual ? GLYPHS.actual : GLYPHS.none;
}
