import type { Series } from './score.js';

export interface Line {
  readonly controller: string;
  /** Pods ordered, all services together. */
  readonly ordered: Series;
  /** Mean latency of the client's requests, seconds; NaN without an answer. */
  readonly latency: Series;
}

export interface Plot {
  readonly title: string;
  /** Pods needed, all services together. */
  readonly need: Series;
  /** Seconds. */
  readonly objective: number;
  readonly lines: readonly Line[];
}

const WIDTH = 760;
const LEFT = 56;
const RIGHT = 12;
const PANEL = 150;
const GAP = 40;
const TOP = 40;
const COLUMNS = WIDTH - LEFT - RIGHT;
const HEIGHT = TOP + 2 * PANEL + GAP + 32;
/** Latencies are drawn over this many powers of ten. */
const DECADES = 4;
const FASTEST = 0.01;
const STYLE = `
    svg { font: 12px system-ui, sans-serif; }
    text { fill: #333; } .grid { stroke: #ddd; } .need { stroke: #888; fill: none; stroke-dasharray: 4 3; }
    .ours { stroke: #0a7d4f; fill: none; stroke-width: 1.8; } .hpa { stroke: #c2410c; fill: none; stroke-width: 1.4; }
    @media (prefers-color-scheme: dark) {
      text { fill: #ddd; } .grid { stroke: #444; } .need { stroke: #999; }
      .ours { stroke: #4ade80; } .hpa { stroke: #fb923c; }
    }`;

/** Replicas above, latency below (logarithmic), over time; the first line is ours. */
export function plotSvg({ title, need, objective, lines }: Plot): string {
  const length = need.length;
  const most = Math.max(1, ...need, ...lines.flatMap(({ ordered }) => ordered.map(Number)));
  const across = (at: number): number => LEFT + (at * COLUMNS) / length;
  const up = (pods: number): number => TOP + PANEL * (1 - pods / most);
  const base = TOP + PANEL + GAP;
  const slow = (seconds: number): number => {
    const decades = Math.log10(Math.max(seconds, FASTEST) / FASTEST);
    return base + PANEL * (1 - Math.min(decades / DECADES, 1));
  };
  const classOf = (index: number): string => (index === 0 ? 'ours' : 'hpa');
  const paths = lines.flatMap(({ ordered, latency }, index) => [
    steps(ordered, across, up, classOf(index)),
    curve(latency, across, slow, classOf(index)),
  ]);
  const legend = lines.map(
    ({ controller }, index) =>
      `<path class="${classOf(index)}" d="M${LEFT + 250 + index * 110} 16h20"/>` +
      `<text x="${LEFT + 276 + index * 110}" y="20">${controller}</text>`,
  );
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${title}">`,
    `  <style>${STYLE}\n  </style>`,
    `  <text x="${LEFT}" y="20" font-weight="bold">${title}</text>`,
    ...legend,
    `<path class="need" d="M${LEFT + 470} 16h20"/><text x="${LEFT + 496}" y="20">needed · objective</text>`,
    ...[0, most].map((pods) => rule(up(pods), String(Math.round(pods)))),
    ...[0.01, 0.1, 1, 10, 100].map((seconds) => rule(slow(seconds), `${seconds} s`)),
    `<text x="${LEFT}" y="${TOP - 6}">replicas</text><text x="${LEFT}" y="${base - 6}">mean latency</text>`,
    steps(need, across, up, 'need'),
    `<path class="need" d="M${LEFT} ${slow(objective).toFixed(1)}H${WIDTH - RIGHT}"/>`,
    ...paths,
    ...minutes(length).map(
      (at) =>
        `<text x="${across(at).toFixed(1)}" y="${HEIGHT - 8}" text-anchor="middle">${at / 60} min</text>`,
    ),
    '</svg>',
    '',
  ].join('\n');
}

function rule(y: number, label: string): string {
  return (
    `<path class="grid" d="M${LEFT} ${y.toFixed(1)}H${WIDTH - RIGHT}"/>` +
    `<text x="${LEFT - 6}" y="${(y + 4).toFixed(1)}" text-anchor="end">${label}</text>`
  );
}

function minutes(length: number): number[] {
  const every = length > 1800 ? 600 : 300;
  return Array.from({ length: Math.floor(length / every) }, (_, index) => (index + 1) * every).filter(
    (at) => at < length,
  );
}

/** A line that changes in steps; one point per change. */
function steps(
  values: Series,
  x: (at: number) => number,
  y: (value: number) => number,
  name: string,
): string {
  const parts = values.flatMap((value, at) => {
    if (at === 0) return [`M${x(0).toFixed(1)} ${y(value).toFixed(1)}`];
    return value === values[at - 1] ? [] : [`H${x(at).toFixed(1)}V${y(value).toFixed(1)}`];
  });
  return `<path class="${name}" d="${parts.join('')}H${x(values.length).toFixed(1)}"/>`;
}

/** One point every ten seconds, the mean of those that have a value. */
function curve(
  values: Series,
  x: (at: number) => number,
  y: (value: number) => number,
  name: string,
): string {
  const points: string[] = [];
  let isOpen = false;
  for (let at = 0; at < values.length; at += 10) {
    const known = values.slice(at, at + 10).filter((value) => !Number.isNaN(value));
    if (known.length > 0) {
      const mean = known.reduce((sum, value) => sum + value, 0) / known.length;
      points.push(`${isOpen ? 'L' : 'M'}${x(at + 5).toFixed(1)} ${y(mean).toFixed(1)}`);
    }
    isOpen = known.length > 0;
  }
  return `<path class="${name}" d="${points.join('')}"/>`;
}
