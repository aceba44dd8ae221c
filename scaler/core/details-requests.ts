import type { DemandTrace, HarmTrace } from './decision.js';
import { amount, duration, milliseconds, rate, round } from './format.js';
import { againstUsual, partName, signText } from './format-harm.js';

/** A part of the details below a reason; `explain`, rule tests and the page show the same. */
export interface Section {
  readonly title: string;
  readonly rows: readonly Row[];
}

export interface Row {
  readonly name: string;
  readonly text: string;
  /** `good` is what decided; `bad` lacks data. */
  readonly tone?: 'good' | 'bad';
}

const METHODS: Record<DemandTrace['method'], string> = {
  law: 'requests that arrive × CPU time each',
  flow: 'requests that flow down from its callers × CPU time each',
  clients: 'requests that its waiting clients would ask × CPU time each',
  usage: 'CPU in use',
  step: 'CPU in use, and one step because it is saturated',
};

/** A demand and its parts: load × CPU time + backlog + beside = demand. */
export function demandRows(demand: DemandTrace): Row[] {
  const { method, cores, confidence, doubt, load, clients, cost, backlog, beside, perPod, threads } = demand;
  const rows: (readonly [name: string, text: string | undefined])[] = [
    ['estimated by', METHODS[method]],
    ['requests', requestsText(demand)],
    ['clients that wait', optional(clients, (it) => `${round(it)}`)],
    ['sized for', optional(load, rate)],
    ['CPU time per request', optional(cost, costText)],
    ['for the backlog', optional(backlog || undefined, (it) => amount('cpu', it))],
    ['beside requests', optional(beside || undefined, (it) => amount('cpu', it))],
    ['demand', amount('cpu', cores)],
    ['a pod gets', optional(perPod, (it) => `${amount('cpu', it)}, less than its request`)],
    [
      'threads',
      optional(threads, (it) => `${round(it.busy)} serve at once, a pod carries ${round(it.perPod)}`),
    ],
    ['confidence', `${confidence}${doubt === undefined ? '' : `: ${doubt}`}`],
  ];
  return rows.flatMap(([name, text]) => (text === undefined ? [] : [{ name, text }]));
}

function requestsText({ arrived, answered, abandoned }: DemandTrace): string | undefined {
  if (arrived === undefined) return undefined;
  const others = [
    ...(answered === undefined ? [] : [`${round(answered)} answered`]),
    ...(abandoned ? [`${round(abandoned)} given up`] : []),
  ];
  return [`${rate(arrived)} arrive`, ...others].join(', ');
}

function costText({ now, usual, sized }: NonNullable<DemandTrace['cost']>): string {
  const before = usual === undefined ? 'usual not known yet' : `usually ${milliseconds(usual)}`;
  return `${milliseconds(now)} now, ${before}; sized by ${milliseconds(sized)}`;
}

function optional<T>(value: T | undefined, format: (value: T) => string): string | undefined {
  return value === undefined ? undefined : format(value);
}

/** What a request spends its time on, now against usual, and every sign against its limit. */
export function harmSection(harm: HarmTrace, at: number): Section {
  const { signs, parts, latency, watch, protectedBy } = harm;
  return {
    title: `Harm: ${harmState(harm, at)}`,
    rows: [
      ...(latency
        ? [{ name: 'a request', text: againstUsual(milliseconds(latency.now), latency.now, latency.usual) }]
        : []),
      ...parts.map((part): Row => {
        const text = againstUsual(milliseconds(part.now), part.now, part.usual);
        return { name: partName(part.name), text, ...(part.name === harm.cause && { tone: 'good' }) };
      }),
      ...signs.map((sign): Row => ({ name: 'sign', text: signText(sign), tone: 'bad' })),
      ...(watch
        ? [{ name: 'last step', text: `${rate(watch.before)} answered before, ${rate(watch.now)} now` }]
        : []),
      ...protectedBy.map((text): Row => ({ name: 'protected', text })),
    ],
  };
}

/** `disk, for 40 s`, `none`, `signs, not for long enough yet`. */
export function harmState({ harmed, intended, signs, since, cause }: HarmTrace, at: number): string {
  if (!harmed) {
    if (intended) return 'none (slower because it is used more, as intended)';
    return signs.length > 0 ? 'signs, not for long enough yet' : 'none';
  }
  const what = cause === undefined ? 'harmed' : partName(cause);
  return since === undefined ? what : `${what}, for ${duration(Math.max(0, at - since))}`;
}
