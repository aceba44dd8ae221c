import { replicasText } from '../core/details.js';
import { count, timeText } from '../core/format.js';
import type { Grid } from '../promql/range.js';
import { CAVEAT, hoursText, percentText } from './report.js';
import { summaryOf, UNKNOWN, type Movement, type Summary, type Timeline } from './timeline.js';

const WIDTH = 960;
const HEIGHT = 160;
/** Room above the highest line. */
const MARGIN = 6;

const STYLE = `
:root { color-scheme: light dark; --text: #1c2326; --quiet: #59666b; --ground: #fbfbfa; --line: #dfe3e4;
  --proposed: #0f6e66; --actual: #c26a00; --gap: #f3dcae; font: 15px/1.45 system-ui, sans-serif; }
@media (prefers-color-scheme: dark) { :root { --text: #e4e9ea; --quiet: #9aa8ad; --ground: #14191b; --line: #2e383c;
  --proposed: #4fc3b7; --actual: #e09a3e; --gap: #4a3c16; } }
body { margin: 2rem auto; max-width: 62rem; padding: 0 1rem; color: var(--text); background: var(--ground); }
h2 { font-size: 1rem; margin: 2rem 0 0; } p, figcaption { color: var(--quiet); margin: 0.2rem 0; }
figure { margin: 0.4rem 0; } svg { width: 100%; height: auto; }
.proposed { stroke: var(--proposed); } .actual { stroke: var(--actual); } .gap { fill: var(--gap); }
path { fill: none; stroke-width: 1.5; vector-effect: non-scaling-stroke; }
line { stroke: var(--line); } text { fill: var(--quiet); font-size: 11px; }
b.proposed { color: var(--proposed); } b.actual { color: var(--actual); }
`;

/** A self-contained HTML page that shows a backtest, without scripts. */
export function page(timelines: readonly Timeline[], grid: Grid): string {
  const end = grid.from + (grid.count - 1) * grid.step;
  const figures = timelines.map((timeline) => figure(timeline, grid)).join('\n');
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Backtest, ${timeText(grid.from)} to ${timeText(end)}</title>
<style>${STYLE}</style>
<h1>Backtest</h1>
<p>${timeText(grid.from)} to ${timeText(end)}, decided every ${grid.step} s.
<b class="proposed">Proposed</b> against <b class="actual">actual</b> replicas; shaded where data was missing.</p>
<p>${CAVEAT}</p>
${figures}
</html>
`;
}

function figure(timeline: Timeline, grid: Grid): string {
  const { workload, rule, minReplicas, maxReplicas } = timeline;
  const summary = summaryOf(timeline, grid);
  const title = `${escape(workload)}: rule "${escape(rule)}", ${minReplicas} to ${count(maxReplicas, 'replica')}`;
  if (summary.comparedSeconds === 0) return `<h2>${title}</h2>\n<p>No data in this period.</p>`;
  return `<h2>${title}</h2>
<p>${sentence('proposed', summary.proposed)}; ${sentence('actual', summary.actual)}; they differ ${percentText(summary.disagreement)} of the time</p>
<figure>${chart(timeline, grid, summary)}</figure>`;
}

function sentence(name: string, { replicaHours, reversals }: Movement): string {
  return `<b class="${name}">${name}</b> ${hoursText(replicaHours)} replica-hours, ${count(reversals, 'reversal')}`;
}

function chart({ proposed, actual, changes }: Timeline, grid: Grid, summary: Summary): string {
  const top = Math.max(1, summary.proposed.highest, summary.actual.highest);
  const x = (index: number): number => Math.round((10 * WIDTH * index) / grid.count) / 10;
  const y = (replicas: number): number => Math.round(HEIGHT - ((HEIGHT - MARGIN) * replicas) / top);
  const indexOf = (at: number): number => (at - grid.from) / grid.step;
  const gaps = summary.gaps.map(({ from, to }) => {
    const [left, right] = [x(indexOf(from)), x(indexOf(to))];
    return `<rect class="gap" x="${left}" y="0" width="${Math.max(0.5, right - left).toFixed(1)}" height="${HEIGHT}"><title>no data from ${timeText(from)}</title></rect>`;
  });
  const dots = changes.map(({ at, from, to, reason }) => {
    const tooltip = `${timeText(at)}, ${replicasText(from, to)}: ${escape(reason)}`;
    return `<circle cx="${x(indexOf(at))}" cy="${y(to)}" r="2.5" fill="var(--proposed)"><title>${tooltip}</title></circle>`;
  });
  return `<svg viewBox="-24 -4 ${WIDTH + 28} ${HEIGHT + 22}" role="img">
${gaps.join('')}
<line x1="0" y1="${HEIGHT}" x2="${WIDTH}" y2="${HEIGHT}"/><line x1="0" y1="${y(top)}" x2="${WIDTH}" y2="${y(top)}"/>
<text x="-4" y="${y(top) + 4}" text-anchor="end">${top}</text><text x="-4" y="${HEIGHT}" text-anchor="end">0</text>
<text x="0" y="${HEIGHT + 14}">${timeText(grid.from)}</text>
<text x="${WIDTH}" y="${HEIGHT + 14}" text-anchor="end">${timeText(grid.from + (grid.count - 1) * grid.step)}</text>
<path class="actual" d="${steps(actual, x, y)}"/>
<path class="proposed" d="${steps(proposed, x, y)}"/>
${dots.join('')}
</svg>`;
}

/** A stepped line with gaps where replicas are unknown. */
function steps(replicas: Int32Array, x: (index: number) => number, y: (replicas: number) => number): string {
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

function escape(text: string): string {
  return text.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`);
}
