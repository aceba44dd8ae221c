import type { Range } from '../../sandbox/hpa/hpa.js';
import type { Controller, View as SimulatedView } from '../../scaler/simulate/controller.js';
import type { Scenario, ServiceModel } from '../../scaler/simulate/scenario.js';
import { concurrency } from './rivals/concurrency.js';
import { hpa, hpaOnPsi } from './rivals/hpa.js';
import { latency } from './rivals/latency.js';
import { requests } from './rivals/requests.js';
import type { Rival } from './rivals/rival.js';
import { needsOf, TARGET } from './truth.js';

/** Every controller's range of replicas. */
export const RANGE: Range = { minReplicas: 1, maxReplicas: 100 };
/** Knative's default for containers without a bound of their own. */
const UNBOUNDED_CONCURRENCY = 100;

export const RIVALS = ['hpa', 'hpa-psi', 'requests', 'concurrency', 'latency'] as const;
export type RivalName = (typeof RIVALS)[number];

/** A rival for every service of a scenario. */
export function rivalsOf(name: RivalName, scenario: Scenario): Controller {
  switch (name) {
    case 'hpa':
      return fleetOf(name, scenario, () => hpa(RANGE));
    case 'hpa-psi':
      return fleetOf(name, scenario, () => hpaOnPsi(RANGE));
    case 'requests':
      return fleetOf(name, scenario, (service) => requests(RANGE, capacityOf(service)));
    case 'concurrency':
      return fleetOf(name, scenario, ({ threads }) =>
        concurrency(RANGE, typeof threads === 'number' ? threads : UNBOUNDED_CONCURRENCY),
      );
    case 'latency':
      return fleetOf(name, scenario, (service) => {
        const client = scenario.clients.find(({ to }) => to === service.name);
        return latency(RANGE, client?.objective.latency);
      });
  }
}

/** No rival, but what could be reached: orders the need at once, as if it were known. */
export function needOf(scenario: Scenario): Controller {
  const needs = needsOf(scenario);
  return {
    name: 'need',
    interval: 1,
    decide: (_, now) => new Map([...needs].map(([name, need]) => [name, Math.ceil(need[now]! - 1e-9)])),
  };
}

/** Requests per second that a pod should carry, from what the scenario states of it. */
function capacityOf({ work, request }: ServiceModel): number {
  return (TARGET * request) / (work.cpu.mean + (work.lock?.mean ?? 0));
}

function fleetOf<State>(
  name: RivalName,
  { services }: Scenario,
  rivalOf: (service: ServiceModel) => Rival<State>,
): Controller {
  const rivals = new Map(services.map((service) => [service.name, rivalOf(service)]));
  const states = new Map<string, State>();
  const decide = (view: SimulatedView, now: number): Map<string, number> => {
    const replicas = new Map<string, number>();
    for (const service of view.services.values()) {
      const rival = rivals.get(service.name);
      if (!rival) continue;
      const seen = {
        now,
        replicas: service.replicas,
        request: service.request,
        pods: service.pods,
        latency: (window: number) => service.latency(window),
      };
      const outcome = rival.decide(seen, states.get(service.name) ?? rival.start);
      states.set(service.name, outcome.state);
      replicas.set(service.name, outcome.replicas);
    }
    return replicas;
  };
  const { interval } = [...rivals.values()][0]!;
  return { name, interval, metersPods: true, decide };
}
