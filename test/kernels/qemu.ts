import { execFile, spawn } from 'node:child_process';
import { open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { errorCode, KernscaleError } from '../../common/errors.js';
import type { Architecture } from './archive.js';

const run = promisify(execFile);
const DISK_BYTES = 128 << 20;
const CONSOLE_LINES = 15;
const PARAMETERS = ['quiet', 'panic=-1', 'cgroup_no_v1=all'];

export interface Machine {
  readonly architecture: Architecture;
  readonly image: string;
  readonly initramfs: string;
  /** Further parameters of the kernel's command line. */
  readonly parameters: readonly string[];
  /** Directory for the disk and the output of the serial ports. */
  readonly directory: string;
  readonly timeoutSeconds: number;
}

interface Emulator {
  readonly program: string;
  readonly cpu: readonly string[];
  /** The kernel's names of the serial ports for its console and for the report. */
  readonly console: string;
  readonly report: string;
  /** Arguments that write the second port's output to a file. */
  readonly reportTo: (file: string) => readonly string[];
}

const EMULATORS: Readonly<Record<Architecture, Emulator>> = {
  amd64: {
    program: 'qemu-system-x86_64',
    cpu: ['-cpu', 'max'],
    console: 'ttyS0',
    report: 'ttyS1',
    reportTo: (file) => ['-serial', `file:${file}`],
  },
  arm64: {
    program: 'qemu-system-aarch64',
    // Emulating the architecture's own algorithm for pointer authentication would take most of the time.
    cpu: ['-machine', 'virt', '-cpu', 'max,pauth-impdef=on'],
    console: 'ttyAMA0',
    report: 'ttyS0',
    reportTo: (file) => ['-chardev', `file,id=report,path=${file}`, '-device', 'pci-serial,chardev=report'],
  },
};

/** Output of a guest's two serial ports. */
export interface Boot {
  readonly report: string;
  readonly console: string;
}

/**
 * Boots a kernel on an emulated machine with an empty ext4 disk, and returns when it has powered off. The emulator
 * cannot outlive this process (PR_SET_PDEATHSIG) and runs at low priority.
 *
 * @throws KernscaleError `NO_QEMU`, `BOOT_FAILED` with the console's last lines
 */
export async function boot(machine: Machine, signal: AbortSignal): Promise<Boot> {
  const { program } = EMULATORS[machine.architecture];
  const at = (file: string) => join(machine.directory, file);
  await createDisk(at('disk'));
  const args = ['--pdeathsig', 'KILL', 'nice', '-n', '10', program, ...qemuArguments(machine)];
  const limit = AbortSignal.any([signal, AbortSignal.timeout(machine.timeoutSeconds * 1000)]);
  const status = await exitStatus('setpriv', args, limit, program);
  const console = await readFile(at('console'), 'utf8').catch(() => '');
  signal.throwIfAborted();
  if (status !== 'status 0') {
    const outcome = limit.aborted
      ? `did not power off within ${machine.timeoutSeconds} s`
      : `ended with ${status}`;
    throw new KernscaleError(
      'BOOT_FAILED',
      `the guest ${outcome}; last lines of its console:\n${lastLines(console)}`,
    );
  }
  return { report: await readFile(at('report'), 'utf8'), console };
}

function qemuArguments(machine: Machine): string[] {
  const { cpu, console, report, reportTo } = EMULATORS[machine.architecture];
  const at = (file: string) => join(machine.directory, file);
  return [
    // With one host thread per CPU, a CPU may still run an instruction that another has patched away (the int3 of
    // a static key), and the guest panics. One thread for both is no slower on a machine with few CPUs.
    ...['-accel', 'tcg,thread=single', ...cpu, '-smp', '2', '-m', '1024'],
    ...['-nodefaults', '-no-user-config', '-display', 'none', '-no-reboot'],
    ...['-kernel', machine.image, '-initrd', machine.initramfs],
    // A panic reboots at once, and -no-reboot makes that an exit. The guest's init reads REPORT.
    ...[
      '-append',
      [`console=${console}`, `REPORT=/dev/${report}`, ...PARAMETERS, ...machine.parameters].join(' '),
    ],
    ...['-serial', `file:${at('console')}`, ...reportTo(at('report'))],
    // Slow on purpose: a request takes about 5 ms, so that a reader is blocked instead of busy.
    ...['-drive', `file=${at('disk')},format=raw,if=virtio,cache=unsafe,throttling.iops-total=200`],
  ];
}

async function createDisk(path: string): Promise<void> {
  const file = await open(path, 'w');
  await file.truncate(DISK_BYTES);
  await file.close();
  await run('mkfs.ext4', ['-q', '-F', path], {
    env: { PATH: `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin` },
  });
}

/** Runs the command until it ends or the signal aborts it, and returns the signal or status it ended with. */
async function exitStatus(
  command: string,
  args: readonly string[],
  signal: AbortSignal,
  program: string,
): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: ['ignore', 'ignore', 'pipe'] });
    let stderr = '';
    const kill = () => child.kill('SIGKILL');
    if (signal.aborted) kill();
    signal.addEventListener('abort', kill, { once: true });
    child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
    child.once('error', (error) => {
      reject(errorCode(error) === 'ENOENT' ? missing(command) : error);
    });
    child.once('close', (code, name) => {
      signal.removeEventListener('abort', kill);
      if (code === 127) reject(missing(program));
      else resolve(name ?? `status ${code ?? 0}${stderr && ` (${stderr.trim()})`}`);
    });
  });
}

function missing(command: string): KernscaleError {
  return new KernscaleError(
    'NO_QEMU',
    `${command} is missing; install its package (see scripts/packages.txt)`,
  );
}

function lastLines(text: string): string {
  return text.trimEnd().split(/\r?\n/).slice(-CONSOLE_LINES).join('\n');
}
