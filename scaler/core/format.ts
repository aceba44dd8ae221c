import { own } from '../../common/own.js';
import type { ConditionTrace, ObjectiveTrace } from './decision.js';
import { parseKey, TARGET, type WorkloadKey } from './types.js';

/** The built-in signals that are shares of busy time, as a sentence names them. */
const SHARES: Readonly<Record<string, string>> = {
  blockio: 'blocked on disk',
  wait: 'waiting on peers',
  lock: 'waiting for locks',
};

/** A share as whole percent, above 99 % to one decimal. */
export function percent(share: number): string {
  const digits = share > 0.99 && share < 1 ? 1 : 0;
  return `${Number((share * 100).toFixed(digits))} %`;
}

/** A time in seconds since the epoch, as RFC 3339 in whole seconds, a part of one cut off. */
export function timeText(at: number): string {
  return `${new Date(at * 1000).toISOString().slice(0, -5)}Z`;
}

/** A time in a time zone: `18:00 Europe/Berlin`, with its date unless that is the date of `now` there. */
export function localTime(at: number, timeZone: string, now: number): string {
  const textOf = (time: number): string =>
    new Date(time * 1000).toLocaleString('sv-SE', { timeZone, dateStyle: 'short', timeStyle: 'short' });
  const [day, hour] = textOf(at).split(' ');
  return `${textOf(now).startsWith(`${day} `) ? '' : `${day} `}${hour} ${timeZone}`;
}

/** A latency in seconds, as milliseconds. */
export function milliseconds(seconds: number): string {
  return `${round(seconds * 1000)} ms`;
}

/** A span in seconds: seconds up to two minutes, then minutes, then hours. */
export function duration(seconds: number): string {
  if (seconds < 10) return `${Number(seconds.toFixed(1))} s`;
  if (seconds < 120) return `${Math.round(seconds)} s`;
  return seconds < 7200 ? `${Math.round(seconds / 60)} min` : `${Math.round(seconds / 3600)} h`;
}

/** Requests per second. */
export function rate(perSecond: number): string {
  return `${round(perSecond)} requests/s`;
}

/** A measured number to three significant digits. */
export function round(value: number): number {
  return Number(value.toPrecision(3));
}

/** A ratio as a multiple: `1.8×`. */
export function times(ratio: number): string {
  return `${Number(ratio.toFixed(ratio < 2 ? 2 : ratio < 10 ? 1 : 0))}×`;
}

export function count(amount: number, thing: string): string {
  return `${amount} ${thing}${amount === 1 ? '' : 's'}`;
}

export function capitalize(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** `namespace/name` of a workload; a peer that is no workload keeps its address. */
export function nameOf(peer: WorkloadKey): string {
  const id = parseKey(peer);
  return id ? `${id.namespace}/${id.name}` : peer;
}

/** A signal as the subject of a sentence. */
export function demandName(signal: string): string {
  return signal === 'cpu' ? 'CPU demand' : `${signal} demand`;
}

/** Bytes from one MiB on; a smaller number may be of another unit. */
function bytes(value: number): string {
  if (value < 2 ** 20) return String(round(value));
  return value < 2 ** 30 ? `${round(value / 2 ** 20)} MiB` : `${round(value / 2 ** 30)} GiB`;
}

/** A value of a signal that shows its unit only where it would not be readable without. */
export function figure(signal: string, value: number): string {
  return /^memory(_request)?($|_of_)/.test(signal) ? bytes(value) : String(round(value));
}

/** A value of a signal in its unit. */
export function amount(signal: string, value: number): string {
  if (Object.hasOwn(SHARES, signal)) return percent(value);
  if (signal === TARGET) return times(value);
  if (!/^(cpu|request)($|_of_)/.test(signal)) return figure(signal, value);
  return count(round(value), 'core');
}

/** Measured value of a condition, without the name of a share that the class already implies. */
export function evidenceText(condition: ConditionTrace): string {
  const { signal, value } = condition;
  return Object.hasOwn(SHARES, signal) && value !== undefined
    ? `${percent(value)} of busy time`
    : measuredText(condition);
}

/** A condition of a decide step and what is measured: `74 % of busy time blocked on disk (limit 40 %)`. */
export function conditionText(condition: ConditionTrace): string {
  const { signal, above, below } = condition;
  const limits = [
    ...(above === undefined ? [] : [`limit ${amount(signal, above)}`]),
    ...(below === undefined ? [] : [`below ${amount(signal, below)}`]),
  ];
  return `${measuredText(condition)} (${limits.join(', ')})`;
}

/** Signal of a condition and its value. */
function measuredText({ signal, value, above }: ConditionTrace): string {
  const share = own(SHARES, signal);
  const name = signal === TARGET ? 'demand' : signal === 'cpu' ? 'CPU demand' : signal;
  if (value === undefined) return `${share ? `time ${share}` : name} unknown`;
  if (!share) return `${name} ${amount(signal, value)}${signal === TARGET ? ' target' : ''}`;
  // A share just above its limit must not read as the limit.
  const same = above !== undefined && value !== above && percent(value) === percent(above);
  return `${same ? `${round(value * 100)} %` : percent(value)} of busy time ${share}`;
}

/** Condition under which this one no longer holds: `at most 40 % of busy time is spent blocked on disk`. */
export function untilText({ signal, above, below }: ConditionTrace): string {
  const share = own(SHARES, signal);
  const [limit, less] = above === undefined ? [below ?? 0, false] : [above, true];
  const at = `${less ? 'at most' : 'at least'} ${amount(signal, limit)}`;
  if (share) return `${at} of busy time is spent ${share}`;
  return signal === TARGET
    ? `demand is ${at} target`
    : `${signal === 'cpu' ? 'CPU demand' : signal} is ${at}`;
}

/** Compares the measured latency with the objective, as a clause. */
export function objectiveText({ latency, quantile, measured, kept }: ObjectiveTrace): string {
  const name = `p${Number((quantile * 100).toPrecision(6))} latency`;
  if (measured === undefined)
    return `${name} is unknown, so the ${milliseconds(latency)} objective is ignored`;
  return `${name} ${milliseconds(measured)} ${kept ? 'meets' : 'misses'} the ${milliseconds(latency)} objective`;
}
