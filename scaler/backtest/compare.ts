import { count, timeText } from '../core/format.js';
import type { WorkloadKey } from '../core/types.js';
import type { Grid } from '../promql/range.js';
import type { Paint } from '../terminal.js';
import { wrap } from '../wrap.js';
import { CAVEAT, hoursText, percentText, spanText } from './report.js';
import { summaryOf, type Disagreement, type Movement, type Timeline } from './timeline.js';

/** Periods that are listed for each workload; `--json` has all. */
const LISTED = 5;

export const STARVED_CAVEAT =
  'What the proposed replicas would have been starved cannot be known from a replay; how long the actual ones were ' +
  'below them can.';

/** A workload under its autoscaler of the time, beside what a rule proposes for it. */
export interface Comparison {
  readonly workload: WorkloadKey;
  readonly group: string;
  readonly rule: string;
  readonly actual: Movement;
  readonly proposed: Movement;
  /**
   * Seconds in which a thread of a pod waited for a CPU or was out of quota, summed over the pods; null where it was not
   * measured.
   */
  readonly starvedPodSeconds: number | null;
  readonly comparedSeconds: number;
  /** Seconds in which the actual replicas were below the proposed ones, and above them. */
  readonly belowSeconds: number;
  readonly aboveSeconds: number;
  readonly periods: readonly (Disagreement & { readonly reason: string })[];
}

/** @param starved pod-seconds by workload */
export function compare(
  timeline: Timeline,
  grid: Grid,
  starved: ReadonlyMap<WorkloadKey, number>,
): Comparison {
  const { workload, group, rule } = timeline;
  const { actual, proposed, comparedSeconds, disagreements } = summaryOf(timeline, grid);
  const secondsOf = (periods: readonly Disagreement[]): number =>
    periods.reduce((sum, { from, to }) => sum + to - from, 0);
  return {
    workload,
    group,
    rule,
    actual,
    proposed,
    starvedPodSeconds: starved.get(workload) ?? null,
    comparedSeconds,
    belowSeconds: secondsOf(disagreements.filter((one) => one.actual < one.proposed)),
    aboveSeconds: secondsOf(disagreements.filter((one) => one.actual > one.proposed)),
    periods: disagreements.map((one) => ({ ...one, reason: reasonOf(timeline, one) })),
  };
}

/** Why the rule proposes what it does where the two differ most: the decision that led to it. */
function reasonOf({ changes }: Timeline, { to, proposed }: Disagreement): string {
  const change = changes.findLast((one) => one.at < to && one.to === proposed);
  return change ? change.reason : `${count(proposed, 'replica')} were there at the start, and are enough`;
}

/** The comparison, for people: lines of at most 100 columns. */
export function compareReport(comparisons: readonly Comparison[], grid: Grid, paint: Paint): string[] {
  const end = grid.from + (grid.count - 1) * grid.step;
  const sum = (of: (one: Comparison) => number): number =>
    comparisons.reduce((total, one) => total + of(one), 0);
  const [actual, proposed] = [sum((one) => one.actual.replicaHours), sum((one) => one.proposed.replicaHours)];
  return [
    `${timeText(grid.from)} to ${timeText(end)}, a round every ${grid.step} s`,
    ...comparisons.flatMap((one) => ['', ...workloadLines(one, paint)]),
    '',
    ...(comparisons.length > 1 ? [`All: ${hoursLine(actual, proposed)}`, ''] : []),
    ...wrap(`${CAVEAT} ${STARVED_CAVEAT}`, ''),
  ];
}

function workloadLines(one: Comparison, paint: Paint): string[] {
  const { workload, rule, group, comparedSeconds, belowSeconds, aboveSeconds } = one;
  const title = wrap(`${workload}: rule "${rule}" of group "${group}"`, '').map((line) =>
    paint('bold', line),
  );
  if (comparedSeconds === 0) return [...title, paint('yellow', '  no data in this time range')];
  const starved =
    one.starvedPodSeconds === null ? 'not measured' : `${Math.round(one.starvedPodSeconds)} pod-seconds`;
  const same = percentText((comparedSeconds - belowSeconds - aboveSeconds) / comparedSeconds);
  return [
    ...title,
    `  ${hoursLine(one.actual.replicaHours, one.proposed.replicaHours)}`,
    `  starved of CPU: actual ${starved}`,
    `  actual below proposed for ${spanText(belowSeconds)}, above for ${spanText(aboveSeconds)}, the same for ${same} of the time`,
    ...periodLines(one),
  ];
}

function hoursLine(actual: number, proposed: number): string {
  const change = actual === 0 ? 0 : proposed / actual - 1;
  const sign = change > 0 ? '+' : '';
  return `replica-hours: actual ${hoursText(actual)}, proposed ${hoursText(proposed)} (${sign}${percentText(change)})`;
}

function periodLines({ periods }: Comparison): string[] {
  if (periods.length === 0) return [];
  const weight = ({ from, to, proposed, actual }: Disagreement): number =>
    (to - from) * Math.abs(proposed - actual);
  const largest = periods.toSorted((a, b) => weight(b) - weight(a)).slice(0, LISTED);
  const more = periods.length > LISTED ? `; the ${LISTED} largest:` : ':';
  return [
    `  they differ in ${count(periods.length, 'period')}${more}`,
    ...largest
      .toSorted((a, b) => a.from - b.from)
      .flatMap(({ from, to, actual, proposed, class: bound, reason }) => [
        `    ${timeText(from)}  ${spanText(to - from)}: ${actual} actual, ${proposed} proposed${bound === 'none' ? '' : ` (${bound})`}`,
        ...wrap(reason, '      '),
      ]),
  ];
}
