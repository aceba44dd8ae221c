import { bestRival, isLost, isNamed, type Goal, type GraphRow } from './goals.js';
import type { Row } from './score.js';

const COLUMNS = [
  'controller',
  'bad seconds',
  'replica-seconds',
  'wrong target',
  'right size after',
  'overshoot',
  'reversals',
] as const;

/** The rows of a scenario as a Markdown table, which is readable in a terminal too. */
export function scenarioTable(rows: readonly Row[]): string[] {
  return table([
    [...COLUMNS],
    ...rows.map((row) => [
      row.controller,
      String(row.badSeconds),
      String(Math.round(row.replicaSeconds)),
      String(row.wrongTarget),
      `${row.rightSizeSeconds} s`,
      row.overshoot.toFixed(2),
      String(row.reversals),
    ]),
  ]);
}

/** Sums over the scenarios that all controllers have run. */
export function sumTable(rows: readonly Row[]): string[] {
  const controllers = [...new Set(rows.map(({ controller }) => controller))];
  return table([
    ['controller', 'bad seconds', 'replica-seconds', 'wrong target', 'most overshoot', 'reversals'],
    ...controllers.map((name) => {
      const own = rows.filter(({ controller }) => controller === name);
      const sum = (key: 'badSeconds' | 'replicaSeconds' | 'wrongTarget' | 'reversals'): string =>
        String(Math.round(own.reduce((total, row) => total + row[key], 0)));
      const overshoot = Math.max(...own.map((row) => row.overshoot)).toFixed(2);
      return [
        name,
        sum('badSeconds'),
        sum('replicaSeconds'),
        sum('wrongTarget'),
        overshoot,
        sum('reversals'),
      ];
    }),
  ]);
}

/** The scenarios in which a rival does better at no more replica-seconds. */
export function losses(rows: readonly Row[]): string[] {
  return rows
    .filter((row) => row.controller === 'kernscale' && isLost(rows, row))
    .map((row) => {
      const best = bestRival(rows, row)!;
      return `- ${row.scenario}: ${row.badSeconds} s; ${best.controller} ${best.badSeconds} s`;
    });
}

export function graphTable(graphs: readonly GraphRow[]): string[] {
  const faults = [...new Set(graphs.map(({ fault }) => fault))];
  return table([
    ['fault', 'graphs', 'harmed nobody', 'named rightly', 'verdicts right', 'wrong target'],
    ...faults.map((name) => {
      const own = graphs.filter(({ fault }) => fault === name);
      const felt = own.filter(({ verdicts }) => verdicts > 0);
      const sum = (key: 'verdicts' | 'right' | 'wrongTarget'): number =>
        own.reduce((total, row) => total + row[key], 0);
      return [
        name,
        String(own.length),
        String(own.length - felt.length),
        `${felt.filter(isNamed).length} of ${felt.length}`,
        `${sum('right')} of ${sum('verdicts')}`,
        String(sum('wrongTarget')),
      ];
    }),
  ]);
}

export function goalTable(goals: readonly Goal[]): string[] {
  return table([
    ['goal', 'measured', ''],
    ...goals.map(({ goal, measured, passed }) => [goal, measured, passed ? 'pass' : 'FAIL']),
  ]);
}

function table(rows: readonly (readonly string[])[]): string[] {
  const widths = rows[0]!.map((_, column) => Math.max(3, ...rows.map((row) => row[column]!.length)));
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell, column) => cell.padEnd(widths[column]!)).join(' | ')} |`;
  const [head, ...body] = rows;
  return [line(head!), `| ${widths.map((width) => '-'.repeat(width)).join(' | ')} |`, ...body.map(line)];
}
