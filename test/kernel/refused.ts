/*
 * Opens the probes or the stack sampler, once as they are and once for each further argument, the programs to be refused
 * then, separated by commas. Tells what became of all programs, a line each time. Runs under truth/refuse.c, which looks
 * at the environment.
 */
import { readFileSync } from 'node:fs';
import { openProbes, openStackSampler, type ProgramStatus } from '../../native/index.js';
import { heldBy } from './bpf-census.js';
import { cgroupRoot } from './harness.js';

/** What was left of the programs of an object, some of them being refused. */
export interface Outcome {
  /** Separated by commas. */
  readonly refused: string;
  readonly programs: readonly ProgramStatus[];
  /** Whether the kernel's functions had names; undefined where nobody knows the right ones. */
  readonly named?: boolean | undefined;
  /** How many programs and maps were there still after all was closed. */
  readonly leftovers: number;
}

const [variable, object, ...choices] = process.argv.slice(2);
const use = object === 'profile' ? useSampler : useProbes;

for (const refused of ['', ...choices]) {
  process.env[variable!] = refused;
  const outcome: Outcome = { refused, ...(await use()), leftovers: leftovers() };
  process.stdout.write(`${JSON.stringify(outcome)}\n`);
}

/** Reads everything there is to read, which must work whatever is refused. */
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

/** Undefined where nobody is shown addresses (kernel.kptr_restrict). */
function kernelFunction(): { readonly name: string; readonly address: number } | undefined {
  const name = 'get_random_bytes_user';
  const hex = new RegExp(`^([0-9a-f]+) t ${name}$`, 'm').exec(readFileSync('/proc/kallsyms', 'utf8'))?.[1];
  const address = hex === undefined ? 0 : Number(BigInt.asIntN(64, BigInt(`0x${hex}`)));
  return address === 0 ? undefined : { name, address };
}

function leftovers(): number {
  return heldBy('self', 'prog').length + heldBy('self', 'map').length;
}
