import { replicasText } from '../core/details.js';
import { count, timeText } from '../core/format.js';
import type { Grid } from '../promql/range.js';
import { chart } from './chart.js';
import { escape } from './escape.js';
import { CAVEAT, changeText, hoursText, percentText } from './report.js';
import { summaryOf, type Summary, type Timeline } from './timeline.js';

/** Changes that are listed of a workload; `--json` has all. */
const LISTED = 200;

const STYLE = `
:root { color-scheme: light dark; --text: #1c2326; --quiet: #59666b; --ground: #fbfbfa; --line: #dfe3e4;
  --proposed: #0f6e66; --actual: #c26a00; --gap: #f3dcae; font: 15px/1.45 system-ui, sans-serif; }
@media (prefers-color-scheme: dark) { :root { --text: #e4e9ea; --quiet: #9aa8ad; --ground: #14191b; --line: #2e383c;
  --proposed: #4fc3b7; --actual: #e09a3e; --gap: #4a3c16; } }
body { margin: 2rem auto; max-width: 62rem; padding: 0 1rem; color: var(--text); background: var(--ground); }
h2 { font-size: 1rem; margin: 2rem 0 0; } p, summary, time { color: var(--quiet); margin: 0.2rem 0; }
table { border-collapse: collapse; margin: 1rem 0; } th, td { padding: 0.1rem 0.8rem 0.1rem 0; text-align: right; }
th:first-child, td:first-child { text-align: left; } thead { color: var(--quiet); } tfoot { border-top: 1px solid var(--line); }
figure { margin: 0.4rem 0; } svg { width: 100%; height: auto; }
.proposed { stroke: var(--proposed); } .actual { stroke: var(--actual); } .gap { fill: var(--gap); }
.moment { fill: transparent; } .moment:hover { fill: var(--quiet); fill-opacity: 0.15; } circle { fill: var(--proposed); }
path { fill: none; stroke-width: 1.5; vector-effect: non-scaling-stroke; }
line { stroke: var(--line); } text { fill: var(--quiet); font-size: 11px; }
b.proposed { color: var(--proposed); } b.actual { color: var(--actual); }
`;

interface Summarized {
  readonly timeline: Timeline;
  readonly summary: Summary;
}

/** A self-contained HTML page that shows a backtest, without scripts and requests. */
export function page(timelines: readonly Timeline[], grid: Grid): string {
  const end = grid.from + (grid.count - 1) * grid.step;
  const all = timelines.map((timeline) => ({ timeline, summary: summaryOf(timeline, grid) }));
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Backtest, ${timeText(grid.from)} to ${timeText(end)}</title>
<style>${STYLE}</style>
<h1>Backtest</h1>
<p>${timeText(grid.from)} to ${timeText(end)}, decided every ${grid.step} s; times are in UTC.
<b class="proposed">Proposed</b> against <b class="actual">actual</b> replicas; shaded where data was missing.</p>
<p>${CAVEAT}</p>
${summaryTable(all)}
${all.map((one) => figure(one, grid)).join('\n')}
</html>
`;
}

function summaryTable(all: readonly Summarized[]): string {
  const rows = all.map(({ timeline: { workload }, summary: { proposed, actual } }) =>
    row([
      escape(workload),
      hoursText(actual.replicaHours),
      hoursText(proposed.replicaHours),
      changeText(proposed.replicaHours, actual.replicaHours),
      `${proposed.ups} up, ${proposed.downs} down`,
    ]),
  );
  const sum = (which: 'proposed' | 'actual'): number =>
    all.reduce((hours, { summary }) => hours + summary[which].replicaHours, 0);
  const [proposed, actual] = [sum('proposed'), sum('actual')];
  const total = row(['all', hoursText(actual), hoursText(proposed), changeText(proposed, actual), '']);
  return `<table>
<thead><tr><th>replica-hours<th>actual<th>proposed<th>change<th>changes proposed
<tbody>${rows.join('')}
${all.length > 1 ? `<tfoot>${total}` : ''}
</table>`;
}

function row(cells: readonly string[]): string {
  return `<tr>${cells.map((cell) => `<td>${cell}`).join('')}\n`;
}

function figure({ timeline, summary }: Summarized, grid: Grid): string {
  const { workload, rule, minReplicas, maxReplicas } = timeline;
  const title = `${escape(workload)}: rule "${escape(rule)}", ${minReplicas} to ${count(maxReplicas, 'replica')}`;
  if (summary.comparedSeconds === 0) return `<h2>${title}</h2>\n<p>No data in this period.</p>`;
  const { proposed, actual, disagreement } = summary;
  return `<h2>${title}</h2>
<p><b class="proposed">proposed</b> ${count(proposed.reversals, 'reversal')}; <b class="actual">actual</b> ${count(actual.reversals, 'reversal')}; they differ ${percentText(disagreement)} of the time</p>
<figure>${chart(timeline, grid, summary)}</figure>
${reasons(timeline)}`;
}

/** The changes and their reasons. */
function reasons({ changes }: Timeline): string {
  const listed = changes.slice(0, LISTED).map(({ at, from, to, reason }) => {
    return `<li><time>${timeText(at)}</time> ${replicasText(from, to)}: ${escape(reason)}`;
  });
  const rest = changes.length > LISTED ? `, the first ${LISTED}` : '';
  return `<details><summary>${count(changes.length, 'change')} and why${rest}</summary><ol>${listed.join('\n')}</ol></details>`;
}
