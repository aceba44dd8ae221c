import type { Context } from 'koa';
import { errorCode, errorMessage, KernscaleError } from '../../common/errors.js';
import type { Logger } from '../../common/log.js';
import type { Profiler, Target } from './profiler.js';
import { parseProfileRequest, type ProfileRequest } from './request.js';

/** Whether there are profiles, and for whom. */
export interface ProfileService {
  /** Undefined: why there is none is in `unavailable`. */
  readonly profiler: Profiler | undefined;
  readonly unavailable: string;
  /** Somebody has switched profiles on, or clients authenticate themselves. */
  isAllowed(): boolean;
  /** The containers that a request is about. */
  targetOf(request: ProfileRequest): Target;
}

const STATUS: Readonly<Record<string, number>> = {
  BAD_PROFILE_REQUEST: 400,
  PROFILE_DISABLED: 403,
  POD_UNKNOWN: 404,
  PROFILE_UNAVAILABLE: 501,
  PROFILE_BUSY: 503,
};

/** Answers GET /profile. */
export async function answerProfile(context: Context, service: ProfileService, log: Logger): Promise<void> {
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
    const what =
      container === undefined ? `pod ${namespace}/${pod}` : `container ${namespace}/${pod}/${container}`;
    throw new KernscaleError('POD_UNKNOWN', `no ${what} runs on this node`);
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
      'profiles are off; start the exporter with --profile, or let clients authenticate by --web.config.file',
    );
  }
  if (!service.profiler) throw new KernscaleError('PROFILE_UNAVAILABLE', service.unavailable);
  return service.profiler;
}
