import { openStackSampler, type StackSampler } from 'bpf-linker-napi';
import { errorMessage } from '../../common/errors.js';
import type { Logger } from '../../common/log.js';
import type { Exporter } from '../exporter.js';
import { Profiler } from './profiler.js';
import type { ProfileService } from './route.js';

/** What takes profiles, or why there is nothing that does. */
export interface OpenedSampler {
  readonly sampler: StackSampler | undefined;
  readonly problem: string;
}

/** Loads the sampler, which takes capabilities. Without it there is everything but profiles. */
export function openSampler(isWanted: boolean, log: Logger): OpenedSampler {
  if (!isWanted) {
    return { sampler: undefined, problem: 'profiles were off when the exporter was started; start it again' };
  }
  try {
    return { sampler: openStackSampler(), problem: '' };
  } catch (error) {
    const problem = errorMessage(error);
    log.warn({ error: problem }, 'no profiles');
    return { sampler: undefined, problem };
  }
}

/** @param isAllowed - asked for each request, because who authenticates may change */
export function profileService(
  { sampler, problem }: OpenedSampler,
  isAllowed: () => boolean,
  exporter: Pick<Exporter, 'cgroupsOf'>,
  options: { readonly readsFiles: boolean; readonly procfs: string },
): ProfileService {
  return {
    profiler: sampler && new Profiler({ sampler, ...options }),
    unavailable: problem,
    isAllowed,
    targetOf:
      ({ namespace, pod, container }) =>
      () =>
        exporter.cgroupsOf(namespace, pod, container),
  };
}
