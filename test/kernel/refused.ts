/*
 * Opens the probes or the stack sampler: once with all programs, then once per further argument without the programs it
 * names, separated by commas. Prints an Outcome as a line of JSON each time. truth/refuse.c is preloaded, which reads
 * the refused programs from the environment.
 */
import { readFileSync } from 'node:fs';
import { openProbes, openStackSampler, type ProgramStatus } from '../../native/index.js';
import { heldBy } from './bpf-census.js';
import { cgroupRoot } from './mounts.js';

/** Status of an object's programs of which some are refused. */
export interface Outcome {
  /** Separated by commas. */
  readonly refused: string;
  readonly programs: readonly ProgramStatus[];
  /** True if the kernel's functions have names; undefined if kernel.kptr_restrict hides their addresses from the test. */
  readonly named?: boolean | undefined;
  /** Programs and maps that this process holds after the close. */
  readonly leftovers: number;
}

const [variable, object, ...choices] = process.argv.slice(2);
const use = object === 'profile' ? useSampler : useProbes;

for (const refused of ['', ...choices]) {
  process.env[variable!] = refused;
  const outcome: Outcome = { refused, ...(await use()), leftovers: leftovers() };
  process.stdout.write(`${JSON.stringify(outcome)}\n`);
}

/** Reads everything, which must work whatever is refused. */
async function useProbes(): Promise<Pick<Outcome, 'programs'>> {
  const probes = openProbes({ cgroupRoot: cgroupRoot(), maxContainers: 4, cgroupEvents: true });
  try {
    probes.track(1n);
    probes.read();
    await probes.measure(1);
    probes.untrack(1n);
    probes.read();
    return { programs: probes.programs };
  } finally {
    probes.close();
  }
}

async function useSampler(): Promise<Pick<Outcome, 'programs' | 'named'>> {
  const sampler = openStackSampler();
  try {
    sampler.start([1n]);
    sampler.take();
    await sampler.mappings();
    sampler.stop();
    const known = kernelFunction();
    const named = known && sampler.kernelNames([known.address]).get(known.address) === known.name;
    return { programs: sampler.programs, named };
  } finally {
    sampler.close();
  }
}

/** Returns a kernel function, or undefined if kernel.kptr_restrict hides addresses. */
function kernelFunction(): { readonly name: string; readonly address: number } | undefined {
  const name = 'get_random_bytes_user';
  const hex = new RegExp(`^([0-9a-f]+) t ${name}$`, 'm').exec(readFileSync('/proc/kallsyms', 'utf8'))?.[1];
  const address = hex === undefined ? 0 : Number(BigInt.asIntN(64, BigInt(`0x${hex}`)));
  return address === 0 ? undefined : { name, address };
}

function leftovers(): number {
  return heldBy('self', 'prog').length + heldBy('self', 'map').length;
}
