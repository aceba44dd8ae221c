import { openStackSampler, type ProgramStatus, type StackSampler } from 'bpf-linker-napi';
import type { Context } from 'koa';
import { errorCode, errorMessage, KernscaleError } from '../../common/errors.js';
import type { Logger } from '../../common/log.js';
import {
  PROFILE_FORMATS,
  Profiler,
  type ProfileFormat,
  type ProfilerOptions,
  type Target,
} from './profiler.js';

/** Containers to profile, and how. */
export interface ProfileRequest {
  readonly namespace: string;
  readonly pod: string;
  /** Undefined: all containers of the pod. */
  readonly container: string | undefined;
  readonly seconds: number;
  readonly format: ProfileFormat;
}

export interface ProfileService {
  /** Undefined for the reason in `unavailable`. */
  readonly profiler: Profiler | undefined;
  readonly unavailable: string;
  /** True while profiles are switched on, or clients authenticate. */
  isAllowed(): boolean;
  /** Returns the containers of a request. */
  targetOf(request: ProfileRequest): Target;
}

/** The stack sampler, or the reason why there is none. */
export interface OpenedSampler {
  readonly sampler: StackSampler | undefined;
  /** Status of its BPF programs, also if the sampler is unusable without one of them. */
  readonly programs: readonly ProgramStatus[];
  readonly problem: string;
}

const PARAMETERS = ['namespace', 'pod', 'container', 'seconds', 'format'];
const DEFAULT_SECONDS = 10;
const MAX_SECONDS = 60;
const USAGE =
  '/profile?namespace=NAMESPACE&pod=POD[&container=CONTAINER][&seconds=1..60][&format=pprof|folded]';

const STATUS: Readonly<Record<string, number>> = {
  BAD_PROFILE_REQUEST: 400,
  PROFILE_DISABLED: 403,
  POD_UNKNOWN: 404,
  PROFILE_UNAVAILABLE: 501,
  PROFILE_BUSY: 503,
};

/** Loads the sampler, which takes capabilities. Without it only profiles are missing. */
export function openSampler(isEnabled: boolean, log: Logger): OpenedSampler {
  if (!isEnabled) return unavailable('profiles were off when the exporter started; restart it');
  try {
    const sampler = openStackSampler();
    const { programs } = sampler;
    const missing = programs.find(({ program, attached }) => program === 'sample_stack' && !attached);
    if (!missing) return { sampler, programs, problem: '' };
    sampler.close();
    return unavailable(missing.detail, programs);
  } catch (error) {
    const problem = errorMessage(error);
    log.warn({ error: problem }, 'profiles are unavailable');
    return unavailable(problem);
  }
}

function unavailable(problem: string, programs: readonly ProgramStatus[] = []): OpenedSampler {
  return { sampler: undefined, programs, problem };
}

/**
 * @param isAllowed is called for each request, because the web configuration may change
 * @param cgroupsOf returns the names of a pod's containers by cgroup
 */
export function profileService(
  { sampler, problem }: OpenedSampler,
  isAllowed: () => boolean,
  cgroupsOf: (namespace: string, pod: string, container?: string) => ReturnType<Target>,
  options: Omit<ProfilerOptions, 'sampler'>,
): ProfileService {
  return {
    profiler: sampler && new Profiler({ sampler, ...options }),
    unavailable: problem,
    isAllowed,
    targetOf:
      ({ namespace, pod, container }) =>
      () =>
        cgroupsOf(namespace, pod, container),
  };
}

/** Serves GET /profile. */
export async function serveProfile(context: Context, service: ProfileService, log: Logger): Promise<void> {
  context.set('Cache-Control', 'no-store');
  context.set('X-Content-Type-Options', 'nosniff');
  try {
    await profile(context, service, log);
  } catch (error) {
    if (context.req.destroyed) return;
    const status = STATUS[errorCode(error) ?? ''];
    if (status === undefined) log.error({ error: errorMessage(error) }, 'cannot take a profile');
    if (status === 503) context.set('Retry-After', String(service.profiler?.busySeconds ?? 1));
    context.status = status ?? 500;
    context.type = 'text';
    context.body = `${errorMessage(error)} [${errorCode(error) ?? 'PROFILE_FAILED'}]\n`;
  }
}

async function profile(context: Context, service: ProfileService, log: Logger): Promise<void> {
  const profiler = profilerOf(service);
  const request = parseProfileRequest(new URLSearchParams(context.querystring));
  const { namespace, pod, container, seconds, format } = request;
  const target = service.targetOf(request);
  if (target().size === 0) {
    const missing =
      container === undefined ? `pod ${namespace}/${pod}` : `container ${namespace}/${pod}/${container}`;
    throw new KernscaleError('POD_UNKNOWN', `no ${missing} runs on this node`);
  }
  if (format === 'folded') context.type = 'text';
  else {
    context.type = 'application/octet-stream';
    context.attachment('profile.pb.gz');
  }
  context.status = 200;
  if (context.method === 'HEAD') return;
  log.info({ namespace, pod, container, seconds }, 'taking a profile');
  const gone = new AbortController();
  context.res.once('close', () => {
    gone.abort();
  });
  context.body = Buffer.from(await profiler.profile(target, request, gone.signal));
}

function profilerOf(service: ProfileService): Profiler {
  if (!service.isAllowed()) {
    throw new KernscaleError(
      'PROFILE_DISABLED',
      'profiles are off; start the exporter with --profile, or require authentication with --web.config.file',
    );
  }
  if (!service.profiler) throw new KernscaleError('PROFILE_UNAVAILABLE', service.unavailable);
  return service.profiler;
}

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

function invalid(problem: string): KernscaleError {
  return new KernscaleError('BAD_PROFILE_REQUEST', `${problem}; request ${USAGE}`);
}
