import { replicasText } from '../core/details.js';
import { count, timeText } from '../core/format.js';
import type { Grid } from '../promql/range.js';
import { escape } from './escape.js';
import { runs, UNKNOWN, type Summary, type Timeline } from './timeline.js';

const WIDTH = 960;
const HEIGHT = 160;
/** Room above the highest line. */
const MARGIN = 6;
/** Columns of an axis that a label needs at least. */
const TIME_LABEL = 110;
const REPLICAS_LABEL = 35;
const DAY = 86_400;
/** Distances between two labels of the time axis, seconds. */
const TIME_STEPS = [60, 300, 900, 1800, 3600, 3 * 3600, 6 * 3600, 12 * 3600, DAY, 2 * DAY, 7 * DAY, 28 * DAY];

interface Scales {
  readonly x: (index: number) => number;
  readonly y: (replicas: number) => number;
  readonly indexOf: (at: number) => number;
  readonly top: number;
}

/** Proposed and actual replicas over time, as SVG. Each moment has a tooltip; no script is needed. */
export function chart(timeline: Timeline, grid: Grid, summary: Summary): string {
  const { proposed, actual } = timeline;
  const top = Math.max(1, summary.proposed.highest, summary.actual.highest);
  const scales: Scales = {
    x: (index) => Math.round((10 * WIDTH * index) / grid.count) / 10,
    y: (replicas) => Math.round(HEIGHT - ((HEIGHT - MARGIN) * replicas) / top),
    indexOf: (at) => (at - grid.from) / grid.step,
    top,
  };
  return `<svg viewBox="-34 -6 ${WIDTH + 54} ${HEIGHT + 26}" role="img">
${gaps(summary, scales)}
${replicasAxis(scales)}
${timeAxis(grid, scales)}
<path class="actual" d="${steps(actual, scales)}"/>
<path class="proposed" d="${steps(proposed, scales)}"/>
${moments(timeline, grid, scales)}
${changes(timeline, scales)}
</svg>`;
}

function gaps({ gaps }: Summary, { x, indexOf }: Scales): string {
  return gaps
    .map(({ from, to }) => {
      const [left, right] = [x(indexOf(from)), x(indexOf(to))];
      return `<rect class="gap" x="${left}" y="0" width="${Math.max(0.5, right - left).toFixed(1)}" height="${HEIGHT}"/>`;
    })
    .join('');
}

function replicasAxis({ y, top }: Scales): string {
  const least = Math.max(1, (top * REPLICAS_LABEL) / HEIGHT);
  const magnitude = 10 ** Math.floor(Math.log10(least));
  const step = [1, 2, 5, 10].map((factor) => factor * magnitude).find((size) => size >= least)!;
  const labels = Array.from({ length: Math.floor(top / step) + 1 }, (_, index) => index * step);
  return labels
    .map(
      (replicas) =>
        `<line x1="0" y1="${y(replicas)}" x2="${WIDTH}" y2="${y(replicas)}"/><text x="-6" y="${y(replicas) + 4}" text-anchor="end">${replicas}</text>`,
    )
    .join('');
}

function timeAxis({ from, step, count: length }: Grid, { x, indexOf }: Scales): string {
  const least = (length * step * TIME_LABEL) / WIDTH;
  const apart = TIME_STEPS.find((size) => size >= least) ?? TIME_STEPS.at(-1)!;
  const first = Math.ceil(from / apart) * apart;
  const times = Array.from(
    { length: Math.max(0, Math.floor((from + length * step - first) / apart) + 1) },
    (_, index) => first + index * apart,
  );
  return times
    .map((at) => {
      const [date = '', clock = ''] = timeText(at).split('T');
      const label = at % DAY === 0 ? date.slice(5) : clock.slice(0, 5);
      const left = x(indexOf(at));
      return `<line x1="${left}" y1="${HEIGHT}" x2="${left}" y2="${HEIGHT + 4}"/><text x="${left}" y="${HEIGHT + 16}" text-anchor="middle">${label}</text>`;
    })
    .join('');
}

/** Invisible columns, one for each time in which neither count changes, with the counts as tooltip. */
function moments({ proposed, actual, length, gaps }: Timeline, grid: Grid, { x }: Scales): string {
  // One number for each combination: replicas are int32, and all of it stays a safe integer.
  const kindAt = (index: number): number =>
    ((proposed[index]! + 1) * 2 ** 20 + actual[index]! + 1) * 2 + gaps[index]!;
  return runs(length, kindAt)
    .map(({ from, to }) => {
      const [left, right] = [x(from), x(to)];
      const title = [
        timeText(grid.from + from * grid.step),
        `: ${countText(proposed[from]!)} proposed, ${actual[from] === UNKNOWN ? 'unknown' : actual[from]!} actual`,
        gaps[from] === 1 ? '; data is missing' : '',
      ].join('');
      return `<rect class="moment" x="${left}" y="0" width="${(right - left).toFixed(1)}" height="${HEIGHT}"><title>${title}</title></rect>`;
    })
    .join('');
}

function countText(replicas: number): string {
  return replicas === UNKNOWN ? 'none' : count(replicas, 'replica');
}

function changes({ changes }: Timeline, { x, y, indexOf }: Scales): string {
  return changes
    .map(({ at, from, to, reason }) => {
      const title = `${timeText(at)}, ${replicasText(from, to)}: ${escape(reason)}`;
      return `<circle cx="${x(indexOf(at))}" cy="${y(to)}" r="3"><title>${title}</title></circle>`;
    })
    .join('');
}

/** A stepped line with gaps where replicas are unknown. */
function steps(replicas: Int32Array, { x, y }: Scales): string {
  const path: string[] = [];
  let before = UNKNOWN;
  for (const [index, count] of replicas.entries()) {
    if (count === before) continue;
    if (before !== UNKNOWN) path.push(`H${x(index)}`);
    if (count !== UNKNOWN) path.push(before === UNKNOWN ? `M${x(index)} ${y(count)}` : `V${y(count)}`);
    before = count;
  }
  if (before !== UNKNOWN) path.push(`H${x(replicas.length)}`);
  return path.join('');
}
