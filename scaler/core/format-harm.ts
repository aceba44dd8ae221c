import { own } from '../../common/own.js';
import type { HarmTrace, Part, Sign } from './decision.js';
import { duration, milliseconds, nameOf, percent, round, times } from './format.js';

/** Parts of a request that are no peer. */
const PARTS: Readonly<Record<string, string>> = {
  cpu: 'CPU',
  disk: 'disk',
  lock: 'locks',
  other: 'other waits',
  queue: 'queueing for threads',
};

/** Name of a part of a request, or of the cause of harm, for people. */
export function partName(name: Part['name']): string {
  return own(PARTS, name) ?? nameOf(name);
}

/** A time and the usual one: `180 ms (15× the usual 12 ms)`. */
export function againstUsual(text: string, now: number, usual: number | undefined): string {
  if (usual === undefined) return `${text} (usual not known yet)`;
  // A multiple of next to nothing is a number without a meaning.
  const isMultiple = usual >= 0.001 && now >= 2 * usual;
  const known = milliseconds(usual);
  return `${text} (${isMultiple ? `${times(now / usual)} the usual ${known}` : `usually ${known}`})`;
}

/** The part of the harm's cause; undefined without one. */
export function causeOf({ cause, parts }: HarmTrace): Part | undefined {
  return parts.find(({ name }) => name === cause);
}

/** A sign as a clause that a reader can check: `answers take 210 ms, usually 20 ms (limit 40 ms)`. */
export function signText({ kind, value, limit, usual, peer }: Sign): string {
  const name = peer === undefined ? 'its peer' : nameOf(peer);
  switch (kind) {
    case 'objective':
      return `latency is ${milliseconds(value)} (objective ${milliseconds(limit)})`;
    case 'latency': {
      const before = usual === undefined ? '' : `, usually ${milliseconds(usual)}`;
      return `answers take ${milliseconds(value)}${before} (limit ${milliseconds(limit)})`;
    }
    case 'pilesUp':
      return `${round(value)} more requests arrived than were answered or given up (limit ${round(limit)})`;
    case 'backlog':
      return `the requests that wait take ${duration(value)} to answer (limit ${duration(limit)})`;
    case 'silent':
      return peer === undefined ? 'nothing is answered while requests wait' : `${name} answers nothing`;
    case 'abandoned':
      return `clients give up ${percent(value)} of their requests (limit ${percent(limit)})`;
    case 'peerFails':
      return `${percent(value)} of the calls to ${name} fail (limit ${percent(limit)})`;
    case 'peerAbandoned':
      return `${percent(value)} of the calls to ${name} are given up (limit ${percent(limit)})`;
    case 'collapse':
      return `${collapsing(peer)} ${percent(value)} of the usual (limit ${percent(limit)}): it fails fast`;
  }
}

function collapsing(peer: string | undefined): string {
  return peer === undefined ? 'CPU time per answer is' : `calls to ${nameOf(peer)} per answer are`;
}

/** Condition under which the sign is gone. */
export function signEnd({ kind, limit, peer }: Sign): string {
  const name = peer === undefined ? 'its peer' : nameOf(peer);
  switch (kind) {
    case 'objective':
      return `latency is at most ${milliseconds(limit)}`;
    case 'latency':
      return `answers take at most ${milliseconds(limit)}`;
    case 'pilesUp':
      return 'requests no longer pile up';
    case 'backlog':
      return `the requests that wait take at most ${duration(limit)} to answer`;
    case 'silent':
      return peer === undefined ? 'requests are answered again' : `${name} answers again`;
    case 'abandoned':
      return `clients give up at most ${percent(limit)} of their requests`;
    case 'peerFails':
      return `at most ${percent(limit)} of the calls to ${name} fail`;
    case 'peerAbandoned':
      return `at most ${percent(limit)} of the calls to ${name} are given up`;
    case 'collapse':
      return `${collapsing(peer)} above ${percent(limit)} of the usual`;
  }
}
