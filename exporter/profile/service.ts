import { openStackSampler, type ProgramStatus, type StackSampler } from 'bpf-linker-napi';
import { errorMessage } from '../../common/errors.js';
import type { Logger } from '../../common/log.js';
import type { Exporter } from '../exporter.js';
import { logLimits } from '../program-log.js';
import { Profiler } from './profiler.js';
import type { ProfileService } from './route.js';

/** What takes profiles, or why there is nothing that does. */
export interface OpenedSampler {
  readonly sampler: StackSampler | undefined;
  /** What became of its BPF programs, also where it is of no use without one of them. */
  readonly programs: readonly ProgramStatus[];
  readonly problem: string;
}

/** Loads the sampler, which takes capabilities. Without it there is everything but profiles. */
export function openSampler(isWanted: boolean, log: Logger): OpenedSampler {
  if (!isWanted) return unavailable('profiles were off when the exporter was started; start it again');
  try {
    const sampler = openStackSampler();
    const { programs } = sampler;
    logLimits(programs, log);
    const missing = programs.find(({ program, attached }) => program === 'sample_stack' && !attached);
    if (!missing) return { sampler, programs, problem: '' };
    sampler.close();
    return unavailable(missing.detail, programs);
  } catch (error) {
    const problem = errorMessage(error);
    log.warn({ error: problem }, 'no profiles');
    return unavailable(problem);
  }
}

function unavailable(problem: string, programs: readonly ProgramStatus[] = []): OpenedSampler {
  return { sampler: undefined, programs, problem };
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
