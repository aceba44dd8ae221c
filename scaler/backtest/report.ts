import { count, round, timeText } from '../core/format.js';
import type { Paint } from '../terminal.js';
import type { Grid } from '../promql/range.js';
import { legend, plot } from './plot.js';
import { summaryOf, type Disagreement, type Movement, type Summary, type Timeline } from './timeline.js';

/** Periods of disagreement that are listed; `--json` has all. */
const LISTED = 5;

export const CAVEAT =
  'Load is replayed as recorded; it does not react to the proposed replicas. The total demand of a workload is assumed ' +
  'not to depend on its number of pods; shares of waiting time and latencies are as recorded.';

/** The result of a backtest, for people. @param columns width of the plots; 0: none */
export function report(timelines: readonly Timeline[], grid: Grid, columns: number, paint: Paint): string[] {
  return [
    ...(columns > 0 ? [paint('dim', legend('proposed', 'actual'))] : []),
    ...timelines.flatMap((timeline) => ['', ...workloadLines(timeline, grid, columns, paint)]),
    ...(timelines.length > 1 ? ['', paint('bold', totalLine(timelines, grid))] : []),
    '',
    CAVEAT,
  ];
}

function totalLine(timelines: readonly Timeline[], grid: Grid): string {
  const summaries = timelines.map((timeline) => summaryOf(timeline, grid));
  const sum = (which: 'proposed' | 'actual'): number =>
    summaries.reduce((hours, summary) => hours + summary[which].replicaHours, 0);
  return `All ${count(timelines.length, 'workload')}: the proposal ${balanceText(sum('proposed'), sum('actual'))}`;
}

function workloadLines(timeline: Timeline, grid: Grid, columns: number, paint: Paint): string[] {
  const { workload, rule, group, minReplicas, maxReplicas } = timeline;
  const allowed = `${minReplicas} to ${count(maxReplicas, 'replica')}`;
  const title = paint('bold', `${workload}: rule "${rule}" of group "${group}", ${allowed}`);
  const summary = summaryOf(timeline, grid);
  if (summary.comparedSeconds === 0) return [title, paint('yellow', '  no data in this time range')];
  return [
    title,
    ...(columns > 0 ? plot(timeline, columns) : []),
    ...figures(summary),
    ...moments(summary),
    ...gapLines(summary, paint),
  ];
}

function figures({ proposed, actual }: Summary): string[] {
  const row = (name: string, { replicaHours, highest, ups, downs, reversals }: Movement): string =>
    `  ${name}  ${hoursText(replicaHours)} replica-hours, at most ${highest}; ${ups} up, ${downs} down, ${count(reversals, 'reversal')}`;
  return [
    row('proposed', proposed),
    row('actual  ', actual),
    `  ${balanceText(proposed.replicaHours, actual.replicaHours)}`,
  ];
}

/** What the proposal costs or saves: `saves 12 replica-hours (-30 %) of the actual replicas`. */
function balanceText(proposed: number, actual: number): string {
  const [hours, share] = [hoursText(Math.abs(proposed - actual)), changeText(proposed, actual)];
  return proposed > actual
    ? `costs ${hours} replica-hours more (${share}) than the actual replicas`
    : `saves ${hours} replica-hours (${share}) of the actual replicas`;
}

/** A change of replica-hours, in percent with its sign. */
export function changeText(proposed: number, actual: number): string {
  const change = actual === 0 ? 0 : proposed / actual - 1;
  return `${change > 0 ? '+' : ''}${percentText(change)}`;
}

function moments({ disagreement, disagreements }: Summary): string[] {
  if (disagreements.length === 0) return ['  They agree throughout'];
  const longest = disagreements.toSorted((a, b) => weight(b) - weight(a)).slice(0, LISTED);
  const differ = `  They differ ${percentText(disagreement)} of the time, in ${count(disagreements.length, 'period')}`;
  const more = disagreements.length > LISTED ? `; the ${LISTED} largest:` : ':';
  return [differ + more, ...longest.toSorted((a, b) => a.from - b.from).map(momentLine)];
}

function weight({ from, to, proposed, actual }: Disagreement): number {
  return (to - from) * Math.abs(proposed - actual);
}

function momentLine({ from, to, proposed, actual, class: workloadClass }: Disagreement): string {
  const cause = workloadClass === 'none' ? '' : ` (${workloadClass})`;
  return `    ${timeText(from)}  ${spanText(to - from)}: ${proposed} proposed, ${actual} actual${cause}`;
}

function gapLines({ gaps }: Summary, paint: Paint): string[] {
  if (gaps.length === 0) return [];
  const total = gaps.reduce((sum, { from, to }) => sum + to - from, 0);
  const longest = gaps.reduce((a, b) => (b.to - b.from > a.to - a.from ? b : a));
  const text = `Data was missing for ${spanText(total)} in ${count(gaps.length, 'gap')}; the longest began at ${timeText(longest.from)} and lasted ${spanText(longest.to - longest.from)}. Nothing is scaled down on missing data`;
  return [paint('yellow', `  ${text}`)];
}

/** Rounded to three digits, and to whole hours from a hundred on. */
export function hoursText(hours: number): string {
  return String(hours >= 100 ? Math.round(hours) : round(hours));
}

export function spanText(seconds: number): string {
  if (seconds < 120) return `${round(seconds)} s`;
  return seconds < 7200 ? `${round(seconds / 60)} min` : `${round(seconds / 3600)} h`;
}

export function percentText(share: number): string {
  return `${Math.round(share * 100)} %`;
}
