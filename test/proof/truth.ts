import { z } from 'zod';
import { parseDuration } from '../../common/duration.js';
import { valueAt, type Profile } from '../../scaler/simulate/profile.js';
import type { Fault, Scenario, ServiceModel } from '../../scaler/simulate/scenario.js';
import type { Series } from './score.js';

/** Share of the request that a pod should use, as in every controller's target. */
export const TARGET = 0.7;
/** Loads that change every second are averaged over so many before they are a need. */
const SMOOTHING = 30;

const duration = z.string().transform((text) => parseDuration(text));

const schema = z.strictObject({
  /** What happens, and what is right, in a sentence or two. */
  about: z.string(),
  /** Time from which the run counts. */
  from: duration.default(300),
  /** Name of what a slow entry is to be blamed on. */
  bottleneck: z.string().optional(),
  /** Pods that a service may have beyond what its CPU needs: behind a lock, or for its threads. */
  may: z.record(z.string(), z.int()).default({}),
});

export type Truth = z.output<typeof schema>;

/** @throws z.ZodError */
export function truthOf({ truth }: Scenario): Truth {
  return schema.parse(truth);
}

/**
 * Pods that each service needs, second by second: load × CPU time ÷ (target × what a pod gets). The load is what the
 * clients ask for, without retries, passed down by the calls; an outage in the middle takes nothing off what is below.
 */
export function needsOf(scenario: Scenario): Map<string, Series> {
  const loads = loadsOf(scenario);
  return new Map(
    scenario.services.map((service) => {
      const load = loads.get(service.name)!;
      const faults = scenario.faults.filter((fault) => 'service' in fault && fault.service === service.name);
      return [service.name, load.map((rate, at) => podsFor(service, rate, faults.filter(isActive(at))))];
    }),
  );
}

/** Requests per second that reach each service, second by second. */
function loadsOf(scenario: Scenario): Map<string, number[]> {
  const loads = new Map(
    scenario.services.map(({ name }) => [name, new Array<number>(scenario.length).fill(0)]),
  );
  for (const client of scenario.clients) {
    const rates = smooth(client.load, scenario.length);
    const perUser = client.think.mean + unhurried(scenario, client.to);
    for (const [name, visits] of visitsFrom(scenario, client.to)) {
      const load = loads.get(name);
      if (!load) continue;
      const factor = client.kind === 'closed' ? visits / perUser : visits;
      for (let at = 0; at < load.length; at++) load[at]! += rates[at]! * factor;
    }
  }
  return loads;
}

function smooth(profile: Profile, length: number): number[] {
  const values = Array.from({ length }, (_, at) => valueAt(profile, at));
  const isTrace = profile.length > SMOOTHING && profile.at(-1)!.from - profile[0]!.from < profile.length;
  if (!isTrace) return values;
  return values.map((_, at) => {
    const window = values.slice(Math.max(0, at - SMOOTHING + 1), at + 1);
    return window.reduce((sum, value) => sum + value, 0) / window.length;
  });
}

/** Visits of each service by one request of a client to `entry`; the calls make no circle. */
export function visitsFrom({ services }: Scenario, entry: string): Map<string, number> {
  const byName = new Map(services.map((service) => [service.name, service]));
  const visits = new Map<string, number>();
  const visit = (name: string, times: number): void => {
    visits.set(name, (visits.get(name) ?? 0) + times);
    for (const { to, probability, times: each } of byName.get(name)?.calls ?? []) {
      visit(to, times * probability * each);
    }
  };
  visit(entry, 1);
  return visits;
}

/** Latency of a request to a service that is not busy, roughly: quotas and short queues make it half as long again. */
function unhurried({ services, outside }: Scenario, name: string): number {
  const latencyOf = (called: string): number => {
    const service = services.find((one) => one.name === called);
    if (!service) return outside.find((one) => one.name === called)?.time.mean ?? 0;
    const { work, limit = 1, calls } = service;
    const cpu = (1.5 * (work.cpu.mean + (work.lock?.mean ?? 0))) / Math.min(1, limit);
    const own = cpu + (work.disk?.mean ?? 0) + (work.sleep?.mean ?? 0);
    return calls.reduce((sum, call) => sum + call.probability * call.times * latencyOf(call.to), own);
  };
  return latencyOf(name);
}

function isActive(at: number): (fault: Fault) => boolean {
  return (fault) => fault.at <= at && (fault.for === undefined || at < fault.at + fault.for);
}

function podsFor(
  { work, request, background }: ServiceModel,
  rate: number,
  faults: readonly Fault[],
): number {
  let [cpu, lock, share] = [work.cpu.mean, work.lock?.mean ?? 0, 1];
  for (const fault of faults) {
    if (fault.kind === 'cpu') cpu *= fault.factor;
    if (fault.kind === 'rollout') cpu *= fault.cpuFactor;
    if (fault.kind === 'cpuShare') share *= fault.share;
    if (fault.kind === 'lock') lock = fault.time;
  }
  const beside = background.reduce((sum, thread) => sum + thread.cpu / thread.every, 0);
  return Math.max(1, (rate * (cpu + lock)) / (TARGET * request * share - beside));
}
