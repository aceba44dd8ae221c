import { KernscaleError } from '../../../common/errors.js';
import { accountsOf, added, only, programNames, type Runs } from './accounting.js';
import { built, type Bench } from './bench.js';
import { SAMPLE_HZ } from './contenders.js';
import type { Running } from './processes.js';

/** Empty programs, named after their hooks. */
export type Hook = 'nothing_switch' | 'nothing_block' | 'nothing_tcp' | 'nothing_state' | 'nothing_sample';

/** Attached empty programs, with the kernel's accounting of all programs switched on. */
export interface Baseline {
  /** Does the work and returns the runs of the empty program on that hook meanwhile. */
  during<T>(hook: Hook, work: () => Promise<T>): Promise<{ readonly result: T; readonly empty: Runs }>;
  stop(): Promise<void>;
}

/** Attaches empty programs and leaves the kernel's accounting off. @throws KernscaleError `NO_BASELINE` */
export function startUntimedBaseline(bench: Bench): Promise<Running> {
  return start(bench, 'untimed');
}

async function start(bench: Bench, ...flags: readonly string[]): Promise<Running> {
  let running!: Running;
  const isReady = new Promise<void>((resolve) => {
    running = bench.processes.start([built('baseline'), String(SAMPLE_HZ), ...flags], () => {
      resolve();
    });
  });
  await Promise.race([isReady, running.ended]);
  if (running.hasEnded) throw new KernscaleError('NO_BASELINE', running.failure());
  return running;
}

/** Attaches empty programs and switches the kernel's accounting on. @throws KernscaleError `NO_BASELINE` */
export async function startBaseline(bench: Bench): Promise<Baseline> {
  const running = await start(bench);
  const names = programNames();
  return {
    during: async (hook, work) => {
      const accounts = () => only(accountsOf(running.pid), (id) => names.get(id) === hook);
      const before = accounts();
      const result = await work();
      return { result, empty: added(before, accounts()) };
    },
    stop: () => running.stop(),
  };
}
