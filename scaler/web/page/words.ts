/** Figures and names as the page writes them. */

/** @param seconds since it happened */
export function ago(seconds: number): string {
  return seconds < 1.5 ? 'now' : `${span(seconds)} ago`;
}

export function span(seconds: number): string {
  if (seconds < 90) return `${Math.max(0, Math.round(seconds))} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  if (seconds < 172_800) return `${Math.round(seconds / 3600)} h`;
  return `${Math.round(seconds / 86_400)} days`;
}

/** @param seconds since the epoch */
export function time(seconds: number): string {
  return new Date(seconds * 1000).toLocaleTimeString();
}

export function count(number: number, noun: string): string {
  return `${number.toLocaleString('en')} ${noun}${number === 1 ? '' : 's'}`;
}

/** `namespace/name` of a workload; an address stays as it is. */
export function shortName(key: string): string {
  const [namespace, , name] = key.split('/');
  return name === undefined ? key : `${namespace}/${name}`;
}

/** What harms a workload: a part of its requests, or a peer. */
export function harmText(harm: string): string {
  if (harm === '') return '';
  if (harm === 'signs') return 'signs of harm';
  return harm === 'harmed' ? 'harmed' : `harmed: ${CAUSES[harm] ?? shortName(harm)}`;
}

const CAUSES: Readonly<Record<string, string>> = {
  cpu: 'CPU',
  queue: 'queueing for threads',
  other: 'other waits',
};

export const MODES: Readonly<Record<string, string>> = {
  shadow: 'shadow: not applied',
  paused: 'paused',
  otherAutoscaler: 'left to another autoscaler',
  otherWriter: 'left to another writer',
};

export const STATE_NAMES: Readonly<Record<string, string>> = {
  oncpu: 'on a CPU',
  runqueue: 'waiting for a CPU',
  throttled: 'out of quota',
  disk: 'disk',
  network: 'peers',
  lock: 'locks',
  ipc: 'other processes',
  other: 'other waits',
};

/** A figure to three significant digits; a dash where it is not known. */
export function figure(value: number | null | undefined): string {
  if (value === null || value === undefined) return '–';
  return value >= 1000 ? Math.round(value).toLocaleString('en') : `${Number(value.toPrecision(3))}`;
}
