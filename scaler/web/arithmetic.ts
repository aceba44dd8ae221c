import type { Trace } from '../core/decision.js';
import { amount, count, milliseconds, rate, round } from '../core/format.js';

/** How the demand becomes replicas, one line of arithmetic each, for a person to follow; empty where nothing was sized. */
export function arithmetic({ demand, sizing, currentReplicas }: Trace): string[] {
  return [...demandLines(demand), ...sizingLines(sizing, currentReplicas)];
}

function demandLines(demand: Trace['demand']): string[] {
  if (demand?.load === undefined || demand.cost === undefined) return [];
  const { load, cost, backlog = 0, beside = 0, cores } = demand;
  const parts = [
    `${rate(load)} × ${milliseconds(cost.sized)} of CPU`,
    ...(backlog > 0 ? [`${amount('cpu', backlog)} for the backlog`] : []),
    ...(beside > 0 ? [`${amount('cpu', beside)} beside requests`] : []),
  ];
  return [`${parts.join(' + ')} = ${amount('cpu', cores)}`];
}

function sizingLines(sizing: Trace['sizing'], current: number): string[] {
  if (!sizing) return [];
  const { signal, demand, targetPerPod, targetValue, assumed } = sizing;
  const text = (value: number) => (signal === 'cpu' ? amount('cpu', value) : `${round(value)} ${signal}`);
  if (targetPerPod !== undefined) {
    const total = demand + (assumed?.amount ?? 0);
    const more = assumed
      ? [
          `${text(demand)} + ${text(assumed.amount)} assumed of ${count(assumed.pods, 'pod')} = ${text(total)}`,
        ]
      : [];
    const pods = total / targetPerPod;
    return [
      ...more,
      `${text(total)} ÷ ${text(targetPerPod)} per pod = ${round(pods)}, rounded up: ${count(Math.max(1, Math.ceil(pods - 1e-9)), 'pod')}`,
    ];
  }
  if (targetValue === undefined) return [];
  const needed = `${count(current, 'replica')} × ${round(sizing.ratio)} = ${round(current * sizing.ratio)}`;
  return [`${text(demand)} ÷ target ${text(targetValue)} = ${round(sizing.ratio)}`, needed];
}
