import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ProgramStatus } from 'bpf-linker-napi';
import { errorMessage, KernscaleError } from '../../common/errors.js';
import type { KernelFacts, Line, Truth } from './guest/report.js';
import { crossUserland } from './arm64.js';
import { writeInitramfs } from './initramfs.js';
import { fetchKernel, type Kernel, type KernelChoice } from './kernels.js';
import { boot, type Machine } from './qemu.js';
import { guestFiles, hostUserland, type Userland } from './userland.js';

/** Several times what a busy machine with two CPUs needs. */
const BOOT_TIMEOUT_SECONDS = 240;
const MOUNT_POINTS = ['/proc', '/sys', '/dev', '/disk', '/tmp'];

/** Results of one kernel. */
export interface Result {
  readonly name: string;
  readonly facts?: KernelFacts;
  readonly programs: readonly ProgramStatus[];
  readonly truths: readonly Truth[];
  /** Runs of BPF programs that the kernel skipped. */
  readonly skippedRuns: number;
  /** Reason why results are missing or are of another kernel than the one wanted; empty if there is none. */
  readonly error: string;
  /** Time from power-on to power-off. */
  readonly seconds: number;
  /** The guest's console: kernel messages, libbpf's and the verifier's. */
  readonly console: string;
}

export interface MatrixOptions {
  readonly mirror?: string;
  readonly update?: boolean;
  readonly signal: AbortSignal;
  readonly progress: (message: string) => void;
}

/** Boots the kernels one after the other: guests that share the machine's CPUs would disturb each other. */
export async function runMatrix(choices: readonly KernelChoice[], options: MatrixOptions): Promise<Result[]> {
  if (process.arch !== 'x64')
    throw new KernscaleError(
      'NOT_X86_64',
      "the guests run this machine's node, which must be built for x86-64",
    );
  const directory = await mkdtemp(join(tmpdir(), 'kernscale-kernels-'));
  try {
    const results: Result[] = [];
    for (const choice of choices) results.push(await runKernel(choice, directory, options));
    return results;
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

async function runKernel(choice: KernelChoice, directory: string, options: MatrixOptions): Promise<Result> {
  const empty = { name: choice.name, programs: [], truths: [], skippedRuns: 0, seconds: 0, console: '' };
  try {
    options.progress(`${choice.name}: fetching the kernel`);
    const kernel = await fetchKernel(choice, options);
    const userland = await userlandOf(choice, kernel, options);
    const initramfs = join(directory, 'initramfs');
    await writeInitramfs(initramfs, await guestFiles(userland, kernel.modules), MOUNT_POINTS);
    options.progress(`${choice.name}: booting ${kernel.release}`);
    const started = performance.now();
    const { image, architecture } = kernel;
    const parameters = choice.lockdown ? [`lockdown=${choice.lockdown}`, 'lsm=lockdown,capability'] : [];
    const machine: Machine = {
      ...{ architecture, image, initramfs, parameters, directory },
      timeoutSeconds: BOOT_TIMEOUT_SECONDS,
    };
    const { report, console } = await boot(machine, options.signal);
    const seconds = (performance.now() - started) / 1000;
    const read = readReport(report, console);
    return { ...empty, ...read, error: read.error || surprise(choice, read), seconds, console };
  } catch (error) {
    options.signal.throwIfAborted();
    return { ...empty, error: errorMessage(error) };
  }
}

/** Returns how the kernel differs from what the choice says about it, or ''. */
export function surprise(
  { lockdown = 'none', absent }: Pick<KernelChoice, 'lockdown' | 'absent'>,
  { facts, programs }: Pick<Result, 'facts' | 'programs'>,
): string {
  if (facts?.lockdown !== lockdown)
    return `lockdown is ${facts?.lockdown ?? 'unknown'} instead of ${lockdown}`;
  const missing = programs.filter(({ attached }) => !attached).map(({ program }) => program);
  if (!absent || missing.toSorted().join() === absent.toSorted().join()) return '';
  return `the absent programs are [${missing.join()}] instead of [${absent.join()}]`;
}

async function userlandOf(choice: KernelChoice, kernel: Kernel, options: MatrixOptions): Promise<Userland> {
  if (choice.architecture === 'amd64') return hostUserland();
  options.progress(`${choice.name}: building for ${choice.architecture}`);
  return crossUserland(choice, kernel, options);
}

/** True if the kernel ran every check to the end, and each holds or is absent by name. */
export function passes({ error, truths }: Result): boolean {
  return error === '' && truths.length > 0 && truths.every(({ ok }) => ok);
}

/** Parses the guest's report; the reason for an incomplete one becomes its error. */
export function readReport(
  report: string,
  console: string,
): Pick<Result, 'facts' | 'programs' | 'truths' | 'skippedRuns' | 'error'> {
  const lines = report.split(/\r?\n/).filter((line) => line.startsWith('{'));
  const parsed = lines.map((line) => JSON.parse(line) as Line);
  const facts = parsed.find((line) => 'kernel' in line)?.kernel;
  const ended = parsed.some((line) => 'end' in line);
  const panic = /Kernel panic[^\r\n]*/.exec(console)?.[0];
  return {
    ...(facts && { facts }),
    programs: parsed.flatMap((line) => ('programs' in line ? line.programs : [])),
    truths: parsed.flatMap((line) => ('truth' in line ? [line.truth] : [])),
    skippedRuns: parsed.find((line) => 'skippedRuns' in line)?.skippedRuns ?? 0,
    error: parsed.find((line) => 'error' in line)?.error ?? (ended ? '' : (panic ?? 'the check did not end')),
  };
}
