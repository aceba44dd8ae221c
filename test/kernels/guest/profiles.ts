import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Probes, StackSample, StackSampler } from 'bpf-linker-napi';
import { createContainer } from './container.js';
import type { Truth } from './report.js';

const TASK_MS = 2000;
/** Shorter than the third of a second that the buffer holds. */
const TAKE_MS = 100;
const PROGRAM = '/bin/tasks';
const FUNCTION = 'get_random_bytes_user';
/** An emulated clock skips ticks. */
const LEAST_SAMPLES = 0.5;
const LEAST_NAMED = 0.95;

/** Profiles a task that only burns CPU time: where its samples are, and whether a kernel function has its name. */
export async function profileTruths(probes: Probes, sampler: StackSampler): Promise<readonly Truth[]> {
  return [await burnerProfile(probes, sampler), kernelName(sampler)];
}

async function burnerProfile(probes: Probes, sampler: StackSampler): Promise<Truth> {
  const container = createContainer(probes, 'profile');
  const samples: StackSample[] = [];
  const program = new Set<number>();
  sampler.start([container.id]);
  const running = container.run('burn', TASK_MS);
  const until = performance.now() + TASK_MS;
  while (performance.now() < until) {
    await sleep(TAKE_MS);
    samples.push(...sampler.take());
    for (const { pid, path } of await sampler.mappings()) if (path === PROGRAM) program.add(pid);
  }
  const { cpuSeconds } = await running;
  samples.push(...sampler.take());
  sampler.stop();
  container.remove();
  const named = samples.filter(({ pid, user }) => user.length > 0 && program.has(pid)).length;
  const expected = cpuSeconds * sampler.hz;
  return {
    name: 'profile of a burner',
    expected: 'samples in its program',
    share: named / samples.length,
    ok: samples.length >= LEAST_SAMPLES * expected && named >= LEAST_NAMED * samples.length,
    detail: `${named} of ${samples.length}, of about ${expected.toFixed(0)} in ${cpuSeconds.toFixed(3)} s`,
  };
}

function kernelName(sampler: StackSampler): Truth {
  const symbols = readFileSync('/proc/kallsyms', 'utf8');
  const hex = new RegExp(`^([0-9a-f]+) t ${FUNCTION}$`, 'm').exec(symbols)?.[1] ?? '0';
  const address = Number(BigInt.asIntN(64, BigInt(`0x${hex}`)));
  const name = sampler.kernelNames([address]).get(address) ?? '';
  return {
    name: 'profile',
    expected: 'name of a kernel function',
    share: Number(name === FUNCTION),
    ok: name === FUNCTION,
    detail: `${name} at ${hex}`,
  };
}
