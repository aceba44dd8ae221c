import type { ProgramStatus } from 'bpf-linker-napi';
import type { Logger } from '../common/log.js';

/** Tells of the BPF programs without which less is known than on other kernels, and what that is. */
export function logLimits(programs: readonly ProgramStatus[], log: Logger): void {
  for (const { probe, program, attached, detail } of programs) {
    if (!attached) log.warn({ probe, program, detail }, 'not attached');
    else if (detail !== '') log.info({ probe, program, detail }, 'tells less on this kernel');
  }
}
