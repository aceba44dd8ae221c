import type { Scenario } from '../../scaler/simulate/scenario.js';
import type { GraphRow } from './goals.js';
import { DAY } from './graphs.js';
import { blamed } from './kernscale.js';
import type { Played } from './play.js';
import { atLeast, type ServiceRun } from './score.js';
import { truthOf } from './truth.js';

/** Verdicts count from a minute after a fault on, when every window holds nothing else, and for two minutes. */
const VERDICTS_FROM = DAY + 60;
const VERDICTS_TO = DAY + 180;

/** What kernscale made of a random graph. */
export function graphRowOf(scenario: Scenario, fault: string, { row, run, decided }: Played): GraphRow {
  const { bottleneck, from } = truthOf(scenario);
  const verdicts = decided
    .filter(({ at }) => at >= VERDICTS_FROM && at < VERDICTS_TO)
    .flatMap((decision) => blamed(decision, scenario) ?? []);
  const scored = decided.filter(({ at }) => at >= from);
  const isHealthy = bottleneck === undefined;
  return {
    scenario: scenario.name,
    fault,
    bottleneck,
    verdicts: isHealthy ? 0 : verdicts.length,
    right: verdicts.filter((name) => name === bottleneck).length,
    wrongTarget: row.wrongTarget,
    workloads: isHealthy ? run.services.size : 0,
    shrunk: isHealthy ? [...run.services.values()].filter(isRightSize).length : 0,
    rounds: isHealthy ? scored.length : 0,
    harmedRounds: isHealthy ? scored.filter(({ decision }) => decision.trace.harm?.harmed).length : 0,
  };
}

/** At the end what is needed, or one pod more. */
function isRightSize({ ordered, need }: ServiceRun): boolean {
  const [pods, needed] = [ordered.at(-1)!, need.at(-1)!];
  return pods >= atLeast(needed) && pods <= Math.ceil(needed) + 1;
}
