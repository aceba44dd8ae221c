import { count, round } from '../core/format.js';
import type { Paint } from '../terminal.js';
import type { Grid } from '../promql/range.js';
import { legend, plot } from './plot.js';
import { summarise, type Disagreement, type Movement, type Summary, type Timeline } from './timeline.js';

/** So many moments of disagreement are told; `--json` has all. */
const TOLD = 5;

export const CAVEAT =
  'Open loop: the load is the recorded one and does not answer to the proposed replicas. What a workload demands as ' +
  'a whole is taken as the same for any number of pods; shares of waiting time and latencies are as they were ' +
  'recorded.';

/** What a backtest found, for people. @param columns width of the plots; 0: none */
export function report(timelines: readonly Timeline[], grid: Grid, columns: number, paint: Paint): string[] {
  return [
    ...(columns > 0 ? [paint('dim', legend('proposed', 'actual'))] : []),
    ...timelines.flatMap((timeline) => ['', ...tell(timeline, grid, columns, paint)]),
    '',
    CAVEAT,
  ];
}

function tell(timeline: Timeline, grid: Grid, columns: number, paint: Paint): string[] {
  const { workload, rule, group, minReplicas, maxReplicas } = timeline;
  const allowed = `${minReplicas} to ${count(maxReplicas, 'replica')}`;
  const title = paint('bold', `${workload}: rule "${rule}" of group "${group}", ${allowed}`);
  const summary = summarise(timeline, grid);
  if (summary.comparedSeconds === 0) return [title, paint('yellow', '  nothing is known of it in this time')];
  return [
    title,
    ...(columns > 0 ? plot(timeline, columns) : []),
    ...figures(summary),
    ...moments(summary),
    ...gapLines(summary, paint),
  ];
}

function figures({ proposed, actual }: Summary): string[] {
  const saved = actual.replicaHours === 0 ? 0 : proposed.replicaHours / actual.replicaHours - 1;
  const sign = saved > 0 ? '+' : '';
  const row = (name: string, { replicaHours, highest, ups, downs, reversals }: Movement): string =>
    `  ${name}  ${hoursText(replicaHours)} replica-hours, at most ${highest}; ${ups} up, ${downs} down, ${count(reversals, 'reversal')}`;
  return [
    `${row('proposed', proposed)}  (${sign}${percentText(saved)} replica-hours)`,
    row('actual  ', actual),
  ];
}

function moments({ disagreement, disagreements }: Summary): string[] {
  if (disagreements.length === 0) return ['  they agree throughout'];
  const longest = disagreements.toSorted((a, b) => weight(b) - weight(a)).slice(0, TOLD);
  const differ = `  they differ ${percentText(disagreement)} of the time, in ${count(disagreements.length, 'moment')}`;
  const more = disagreements.length > TOLD ? '; the heaviest:' : ':';
  return [differ + more, ...longest.toSorted((a, b) => a.from - b.from).map(momentLine)];
}

function weight({ from, to, proposed, actual }: Disagreement): number {
  return (to - from) * Math.abs(proposed - actual);
}

function momentLine({ from, to, proposed, actual, class: workloadClass }: Disagreement): string {
  return `    ${timeText(from)}  for ${spanText(to - from)}: ${proposed} proposed, ${actual} actual (${workloadClass})`;
}

function gapLines({ gaps }: Summary, paint: Paint): string[] {
  if (gaps.length === 0) return [];
  const total = gaps.reduce((sum, { from, to }) => sum + to - from, 0);
  const longest = gaps.reduce((a, b) => (b.to - b.from > a.to - a.from ? b : a));
  const text = `data was missing for ${spanText(total)} in ${count(gaps.length, 'gap')}, the longest from ${timeText(longest.from)} for ${spanText(longest.to - longest.from)}: held, never taken for zero`;
  return [paint('yellow', `  ${text}`)];
}

/** Whole above a hundred, where people want no digit rounded away. */
export function hoursText(hours: number): string {
  return String(hours >= 100 ? Math.round(hours) : round(hours));
}

/** In UTC, to the second. */
export function timeText(at: number): string {
  return `${new Date(at * 1000).toISOString().slice(0, 19)}Z`;
}

export function spanText(seconds: number): string {
  if (seconds < 120) return `${round(seconds)} s`;
  return seconds < 7200 ? `${round(seconds / 60)} min` : `${round(seconds / 3600)} h`;
}

export function percentText(share: number): string {
  return `${Math.round(share * 100)} %`;
}
