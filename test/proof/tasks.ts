import { scenarioOfGraph } from './graphs.js';
import type { FaultName } from './graphs.js';
import type { GraphRow } from './goals.js';
import { graphRowOf } from './graph-row.js';
import { play, type ControllerName } from './play.js';
import { readScenario, traceScenario } from './scenarios.js';
import type { Row } from './score.js';
import type { Scenario } from '../../scaler/simulate/scenario.js';

/** One run, as plain data: what a worker thread is told to do. */
export type Task = { readonly seed: number } & (
  | { readonly scenario: string; readonly controller: ControllerName }
  | { readonly load: string; readonly controller: ControllerName }
  | { readonly graph: FaultName | 'night' }
);

export interface Result {
  readonly row?: Row;
  readonly graph?: GraphRow;
}

export function perform(task: Task): Result {
  if ('graph' in task) {
    const scenario = scenarioOfGraph(task.graph, task.seed);
    return { graph: graphRowOf(scenario, task.graph, play(scenario, 'kernscale')) };
  }
  return { row: play(scenarioOfTask(task), task.controller).row };
}

function scenarioOfTask(task: Exclude<Task, { graph: string }>): Scenario {
  return 'load' in task ? traceScenario(task.load, task.seed) : readScenario(task.scenario, task.seed);
}
