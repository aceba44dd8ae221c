import { run } from '../../scaler/simulate/run.js';
import type { Controller } from '../../scaler/simulate/controller.js';
import type { ClientOutcome, Outcome } from '../../scaler/simulate/outcome.js';
import type { Scenario } from '../../scaler/simulate/scenario.js';
import { needOf, RANGE, rivalsOf, type RivalName } from './controllers.js';
import { kernscale, type Decided } from './kernscale.js';
import type { Line, Plot } from './plot.js';
import { score, type Row, type Run, type Series } from './score.js';
import { needsOf, truthOf } from './truth.js';

export type ControllerName = 'kernscale' | RivalName | 'need';

export interface Played {
  readonly row: Row;
  readonly run: Run;
  readonly outcome: Outcome;
  /** All decisions of kernscale; empty for a rival. */
  readonly decided: readonly Decided[];
}

/** Runs a controller in a scenario and scores it. The same scenario gives the same result. */
export function play(scenario: Scenario, name: ControllerName): Played {
  const decided: Decided[] = [];
  const controller = controllerOf(name, scenario, (decision) => decided.push(decision));
  const outcome = run(scenario, controller);
  const scored = runOf(scenario, outcome);
  const row = { scenario: scenario.name, controller: name, ...score(scored) };
  return { row, run: scored, outcome, decided };
}

function controllerOf(
  name: ControllerName,
  scenario: Scenario,
  observe: (decided: Decided) => void,
): Controller {
  if (name === 'kernscale') return kernscale(RANGE, observe);
  return name === 'need' ? needOf(scenario) : rivalsOf(name, scenario);
}

function runOf(scenario: Scenario, outcome: Outcome): Run {
  const truth = truthOf(scenario);
  const needs = needsOf(scenario);
  const services = scenario.services.map(({ name, replicas }) => {
    const ordered = orderedOf(name, replicas, outcome);
    return [name, { ordered, need: needs.get(name)!, may: truth.may[name] ?? 0 }] as const;
  });
  return { services: new Map(services), bad: badOf(scenario, outcome), from: truth.from };
}

function orderedOf(service: string, start: number, { orders, length }: Outcome): Series {
  const ordered = new Array<number>(length);
  const own = orders.filter((order) => order.service === service);
  let [replicas, next] = [start, 0];
  for (let at = 0; at < length; at++) {
    while (next < own.length && own[next]!.at <= at) replicas = own[next++]!.to;
    ordered[at] = replicas;
  }
  return ordered;
}

/** Seconds in which too few of some client's requests were answered in time. */
function badOf({ clients, length }: Scenario, outcome: Outcome): Series {
  return Array.from({ length }, (_, at) => {
    const index = Math.floor(at / outcome.bucket);
    const isBad = clients.some(({ name, objective }) => {
      const { sent, inTime } = outcome.clients.get(name)!;
      return inTime[index]! < objective.quantile * sent[index]!;
    });
    return isBad ? 1 : 0;
  });
}

/** What two controllers did in a scenario, to be drawn. */
export function plotOf(scenario: Scenario, played: readonly Played[]): Plot {
  const { services } = played[0]!.run;
  const [client] = scenario.clients;
  return {
    title: scenario.name,
    need: total([...services.values()].map(({ need }) => need)),
    objective: client!.objective.latency,
    lines: played.map(({ row, run: { services: own }, outcome }): Line => ({
      controller: row.controller,
      ordered: total([...own.values()].map(({ ordered }) => ordered)),
      latency: latencyOf(outcome.clients.get(client!.name)!, outcome.bucket, outcome.length),
    })),
  };
}

function latencyOf({ inTime, late, seconds }: ClientOutcome, bucket: number, length: number): Series {
  return Array.from({ length }, (_, at) => {
    const index = Math.floor(at / bucket);
    const answered = inTime[index]! + late[index]!;
    return answered > 0 ? seconds[index]! / answered : NaN;
  });
}

function total(all: readonly Series[]): Series {
  return all[0]!.map((_, at) => all.reduce((sum, values) => sum + values[at]!, 0));
}
