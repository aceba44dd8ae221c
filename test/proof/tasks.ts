import { scenarioOfGraph } from './graphs.js';
import type { FaultName } from './graphs.js';
import type { GraphRow } from './goals.js';
import { graphRowOf } from './graph-row.js';
import { play, type ControllerName, type Played } from './play.js';
import { readScenario, traceScenario } from './scenarios.js';
import { isWrong, orderAt, type Row } from './score.js';

/** One run, as plain data: what a worker thread is told to do. */
export type Task = { readonly seed: number } & (
  | { readonly scenario: string; readonly controller: ControllerName }
  | { readonly load: string; readonly controller: ControllerName }
  | { readonly graph: FaultName | 'night' }
);

/** An order, with what was needed and the reason that kernscale gave. */
export interface OrderLine {
  readonly task: string;
  readonly at: number;
  readonly service: string;
  readonly from: number;
  readonly to: number;
  readonly need: number;
  readonly isWrong: boolean;
  readonly reason: string;
}

export interface Result {
  readonly row?: Row;
  readonly graph?: GraphRow;
  readonly orders: readonly OrderLine[];
}

/** Tells a task from others. */
export function nameOf(task: Task): string {
  if ('graph' in task) return `graph ${task.graph} ${task.seed}`;
  return `${'load' in task ? task.load : task.scenario} ${task.controller}`;
}

export function perform(task: Task): Result {
  if ('graph' in task) {
    const scenario = scenarioOfGraph(task.graph, task.seed);
    const played = play(scenario, 'kernscale');
    return { graph: graphRowOf(scenario, task.graph, played), orders: ordersOf(task, played) };
  }
  const scenario =
    'load' in task ? traceScenario(task.load, task.seed) : readScenario(task.scenario, task.seed);
  const played = play(scenario, task.controller);
  return { row: played.row, orders: ordersOf(task, played) };
}

function ordersOf(task: Task, { run, outcome, decided }: Played): OrderLine[] {
  const reasons = new Map(decided.map(({ service, at, decision }) => [`${service} ${at}`, decision.reason]));
  const scoredOrders = outcome.orders.filter(({ at }) => at < outcome.length);
  return scoredOrders.map(({ at, service, from, to }) => {
    const scored = run.services.get(service)!;
    return {
      task: nameOf(task),
      at,
      service,
      from,
      to,
      need: scored.need[Math.floor(at)]!,
      isWrong: at >= run.from && isWrong(orderAt(scored, Math.ceil(at))),
      reason: reasons.get(`${service} ${at}`) ?? '',
    };
  });
}
