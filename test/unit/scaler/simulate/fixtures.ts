import type { Controller } from '../../../../scaler/simulate/controller.js';
import { runWorld } from '../../../../scaler/simulate/run.js';
import type { Scenario } from '../../../../scaler/simulate/scenario.js';
import { scenarioOf } from '../../../../scaler/simulate/scenario-schema.js';
import { World } from '../../../../scaler/simulate/world.js';

/** Scales nothing. */
export const HOLD: Controller = { name: 'hold', interval: 3600, decide: () => new Map() };

export interface Written {
  readonly [field: string]: unknown;
}

/** A scenario as a file has it. */
export function scenario(value: unknown): Scenario {
  return scenarioOf(value, (file) => {
    throw new Error(`${file} is not there`);
  });
}

/** One service without a quota, that a client asks; fields as in a file. */
export function written(service: Written, client: Written, more: Written = {}): Scenario {
  return scenario({
    name: 'test',
    length: '10m',
    services: [{ name: 'web', request: '500m', work: { cpu: '10ms' }, ...service }],
    clients: [{ to: 'web', load: '10', ...client }],
    ...more,
  });
}

/** Runs a scenario without a controller. */
export function ran(scenario: Scenario, controller = HOLD) {
  const world = new World(scenario);
  const outcome = runWorld(world, controller);
  return { world, outcome, ledger: world.ledgers.get('client')!, service: world.services.get('web')! };
}

export function total(counts: Iterable<number>): number {
  let sum = 0;
  for (const count of counts) sum += count;
  return sum;
}
