import { KernscaleError } from '../../common/errors.js';

export const PROFILE_FORMATS = ['pprof', 'folded'] as const;
export type ProfileFormat = (typeof PROFILE_FORMATS)[number];

/** Which containers, for how long, and how to be answered. */
export interface ProfileRequest {
  readonly namespace: string;
  readonly pod: string;
  /** Undefined: all of the pod's. */
  readonly container: string | undefined;
  readonly seconds: number;
  readonly format: ProfileFormat;
}

const PARAMETERS = ['namespace', 'pod', 'container', 'seconds', 'format'];
const DEFAULT_SECONDS = 10;
export const MAX_SECONDS = 60;
const USAGE =
  '/profile?namespace=NAMESPACE&pod=POD[&container=CONTAINER][&seconds=1..60][&format=pprof|folded]';

/** @throws KernscaleError `BAD_PROFILE_REQUEST` */
export function parseProfileRequest(query: URLSearchParams): ProfileRequest {
  for (const name of query.keys()) {
    if (!PARAMETERS.includes(name)) throw invalid(`there is no parameter "${name}"`);
  }
  return {
    namespace: required(query, 'namespace'),
    pod: required(query, 'pod'),
    container: query.get('container') ?? undefined,
    seconds: secondsOf(query.get('seconds')),
    format: formatOf(query.get('format')),
  };
}

function required(query: URLSearchParams, name: string): string {
  const value = query.get(name);
  if (value === null || value === '') throw invalid(`the parameter "${name}" is missing`);
  return value;
}

function secondsOf(text: string | null): number {
  if (text === null) return DEFAULT_SECONDS;
  const seconds = /^\d+(\.\d+)?$/.test(text) ? Number(text) : NaN;
  if (!(seconds > 0 && seconds <= MAX_SECONDS)) {
    throw invalid(`seconds=${text} is not a number above 0 and up to ${MAX_SECONDS}`);
  }
  return seconds;
}

function formatOf(text: string | null): ProfileFormat {
  if (text === null) return 'pprof';
  const format = PROFILE_FORMATS.find((one) => one === text);
  if (!format) throw invalid(`format=${text} is neither pprof nor folded`);
  return format;
}

function invalid(what: string): KernscaleError {
  return new KernscaleError('BAD_PROFILE_REQUEST', `${what}; ask for ${USAGE}`);
}
