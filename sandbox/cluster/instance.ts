import { readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { KernscaleError } from '../../common/errors.js';
import { killCgroup, removeTree, cgroupMounts } from './kubelet/cgroup.js';

const MAX_INSTANCES = 32;
/** `kernscale-PID-START-SLOT`, and six random characters in the name of a temporary directory. */
const NAME = /^kernscale-(\d+)-(\d+)-\d+(-\w{6})?$/;

/** Names and addresses that no other stand-in cluster on the machine has. */
export interface Instance {
  /** Name of its cgroups and files; identifies their owner after a crash. */
  name: string;
  /** Its pods have addresses in `podPrefix.0.0/16`, its Services in `servicePrefix.0.0/16`. */
  podPrefix: string;
  servicePrefix: string;
  release(): void;
}

/**
 * Acquires one of the machine's 32 slots: pods of slot n are in 127.(64+n).0.0/16, Services in 127.(96+n).0.0/16.
 * The lock is an abstract unix socket: like loopback addresses it belongs to the network namespace, and it ends
 * with the process, however that ends.
 *
 * @throws KernscaleError `TOO_MANY_CLUSTERS`
 */
export async function acquireInstance(): Promise<Instance> {
  for (let slot = 0; slot < MAX_INSTANCES; slot += 1) {
    const lock = await tryToListen(`\0kernscale-cluster-${slot}`);
    if (!lock) continue;
    return {
      name: `kernscale-${process.pid}-${startTime(process.pid) ?? ''}-${slot}`,
      podPrefix: `127.${64 + slot}`,
      servicePrefix: `127.${96 + slot}`,
      release: () => lock.close(),
    };
  }
  throw new KernscaleError(
    'TOO_MANY_CLUSTERS',
    `${MAX_INSTANCES} stand-in clusters are running already; stop one of them`,
  );
}

/** Creates the instance's directory for temporary files. */
export async function makeStateDirectory(name: string): Promise<string> {
  return mkdtemp(path.join(tmpdir(), `${name}-`));
}

/** Kills processes and removes files and cgroups of instances whose own process is dead. */
export async function sweepLeftovers(): Promise<void> {
  const { unified, cpu } = cgroupMounts();
  for (const mount of [unified, cpu]) {
    for (const directory of mount === undefined ? [] : leftoversIn(mount)) {
      killCgroup(directory);
      await removeTree(directory);
    }
  }
  for (const directory of leftoversIn(tmpdir())) {
    if (statSync(directory).uid === process.getuid?.()) rmSync(directory, { recursive: true, force: true });
  }
}

function leftoversIn(directory: string): string[] {
  const entries = readdirSync(directory, { withFileTypes: true });
  const dead = entries.filter((entry) => {
    const [, pid, start] = NAME.exec(entry.name) ?? [];
    return entry.isDirectory() && pid !== undefined && startTime(Number(pid)) !== start;
  });
  return dead.map(({ name }) => path.join(directory, name));
}

/**
 * Start time of a process in clock ticks since boot (field 22 of proc_pid_stat(5)), which distinguishes reused pids.
 * Undefined once the process has ended, even before it is reaped.
 */
function startTime(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return ['Z', 'X'].includes(fields[0]!) ? undefined : fields[19];
  } catch {
    return undefined;
  }
}

function tryToListen(name: string): Promise<Server | undefined> {
  return new Promise((resolve) => {
    const server = createServer().unref();
    server.once('error', () => {
      resolve(undefined);
    });
    server.listen(name, () => {
      resolve(server);
    });
  });
}

/**
 * Allocates addresses of one /16 in the loopback network, `prefix.0.1` to `prefix.255.254`. It uses them in turn, so
 * that a new owner does not meet clients of the last one.
 */
export class AddressPool {
  #last = 0;

  constructor(readonly prefix: string) {}

  next(inUse: ReadonlySet<string>): string {
    for (;;) {
      this.#last = (this.#last % 65_534) + 1;
      const address = `${this.prefix}.${this.#last >> 8}.${this.#last & 255}`;
      if (!inUse.has(address)) return address;
    }
  }
}
