import { legend, plot } from '../backtest/plot.js';
import { hoursText, percentText, spanText } from '../backtest/report.js';
import { summaryOf, Timeline } from '../backtest/timeline.js';
import type { Paint } from '../terminal.js';
import { count, milliseconds, round } from '../core/format.js';
import type { Assignment } from '../loop/assignments.js';
import type { Round, Simulated } from './simulate.js';

export const CAVEAT =
  'This is a model: requests arrive at random, all cost the same, and their peers never saturate. It shows how a rule ' +
  'scales; the tail of the latency is longer in life.';

export interface Summary {
  /** The part of the requests that had a response by the end, 0..1. */
  readonly answered: number;
  /** Of the request that waited longest for its answer, seconds. */
  readonly worstLatency: number;
  readonly replicaHours: number;
  readonly highest: number;
  readonly ups: number;
  readonly downs: number;
  readonly reversals: number;
}

/** Decided replicas, and pods that serve, as a backtest shows proposed and actual ones. */
function timelineOf({ key, group, rule }: Assignment, rounds: readonly Round[]): Timeline {
  const { scale, minReplicas, maxReplicas } = rule;
  const timeline = new Timeline(key, group.name, scale, minReplicas, maxReplicas, rounds.length);
  for (const [index, { decision, ready }] of rounds.entries()) {
    timeline.proposed[index] = decision.replicas;
    timeline.actual[index] = ready;
  }
  return timeline;
}

export function summarize(assignment: Assignment, { rounds, answered, worstLatency }: Simulated): Summary {
  const step = assignment.group.interval;
  const { proposed } = summaryOf(timelineOf(assignment, rounds), { from: 0, step, count: rounds.length });
  return { answered, worstLatency, ...proposed };
}

/** The outcome of a simulation, for people. @param columns width of the plot; 0: none */
export function report(
  assignment: Assignment,
  simulated: Simulated,
  columns: number,
  paint: Paint,
): string[] {
  const { rule, group, key } = assignment;
  const { rounds } = simulated;
  const { answered, worstLatency, replicaHours, highest, ups, downs, reversals } = summarize(
    assignment,
    simulated,
  );
  const title = `${key}: rule "${rule.scale}" of group "${group.name}", ${rule.minReplicas} to ${count(rule.maxReplicas, 'replica')}`;
  const drawn =
    columns > 0
      ? [...plot(timelineOf(assignment, rounds), columns), paint('dim', legend('decided', 'ready'))]
      : [];
  return [
    paint('bold', title),
    ...drawn,
    ...table(rounds),
    `${percentText(answered)} of requests served, worst latency ${latencyText(worstLatency)}; ` +
      `${hoursText(replicaHours)} replica-hours, at most ${count(highest, 'replica')}; ` +
      `${ups} up, ${downs} down, ${count(reversals, 'reversal')}`,
    CAVEAT,
  ];
}

const HEAD = ['time', 'req/s', 'ready', 'replicas', 'queued', 'latency', 'class', 'reason'];

/** The rounds that differ from the one before. */
function table(rounds: readonly Round[]): string[] {
  const rows = rounds.filter((one, index) => isNews(one, rounds[index - 1])).map(row);
  const widths = HEAD.slice(0, -1).map((name, column) =>
    Math.max(name.length, ...rows.map((cells) => cells[column]!.length)),
  );
  return [HEAD, ...rows].map((cells) =>
    cells
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
}

function isNews({ decision, load }: Round, before: Round | undefined): boolean {
  return (
    decision.replicas !== decision.trace.currentReplicas ||
    decision.class !== before?.decision.class ||
    load !== before.load
  );
}

function row({ at, load, ready, step, decision }: Round): string[] {
  const { replicas, class: workloadClass, reason, trace } = decision;
  const from = trace.currentReplicas;
  return [
    spanText(at),
    String(round(load)),
    String(ready),
    from === replicas ? String(replicas) : `${from} → ${replicas}`,
    String(Math.round(step.backlog)),
    step.latency === undefined ? '-' : latencyText(step.latency),
    workloadClass,
    reason,
  ];
}

function latencyText(seconds: number): string {
  return seconds < 10 ? milliseconds(seconds) : spanText(seconds);
}
