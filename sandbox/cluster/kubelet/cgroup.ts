import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { errorCode, KernscaleError } from '../../../common/errors.js';
import { parseMounts } from '../../../common/mounts.js';
import type { QosClass } from '../objects/pod.js';

/** CFS bandwidth period, the kubelet's default. */
const PERIOD_US = 100_000;
/** The kernel's smallest quota and share, as the kubelet clamps them. */
const MIN_QUOTA_US = 1000;
const MIN_SHARES = 2;
const REMOVAL_ATTEMPTS = 200;
const REMOVAL_PAUSE_MS = 10;

/** CPU of a cgroup, in cores. */
export interface CpuLimits {
  request: number;
  /** No limit when undefined. */
  limit: number | undefined;
}

export type CpuEnforcement = 'cgroup1' | 'cgroup2' | 'none';

/**
 * A tree of cgroups below `<mount>/NAME` in cgroup2 and, if the cpu controller is in a v1 hierarchy, there as well.
 * Outside of NAME it changes nothing but `cgroup.subtree_control` of cgroup2's root.
 */
export class CgroupTree {
  readonly #unified: string;
  readonly #cpu: string | undefined;
  readonly enforcement: CpuEnforcement;

  /** @throws KernscaleError `CGROUP2_MISSING` */
  constructor(readonly name: string) {
    const { unified, cpu } = cgroupMounts();
    if (unified === undefined) {
      throw new KernscaleError(
        'CGROUP2_MISSING',
        'no cgroup2 hierarchy is mounted; mount one, or boot with systemd',
      );
    }
    this.#unified = path.join(unified, name);
    this.#cpu = cpu === undefined ? undefined : path.join(cpu, name);
    this.enforcement = cpu !== undefined ? 'cgroup1' : enableCpu(unified) ? 'cgroup2' : 'none';
  }

  /** Creates the roots of the tree. @throws KernscaleError `CGROUP_FORBIDDEN` */
  createRoots(): void {
    try {
      for (const root of this.roots) mkdirSync(root);
    } catch (cause) {
      const message = 'cannot create cgroups; run as root, with cgroups mounted read-write';
      throw new KernscaleError('CGROUP_FORBIDDEN', message, { cause });
    }
  }

  get roots(): string[] {
    return [this.#unified, ...(this.#cpu === undefined ? [] : [this.#cpu])];
  }

  /** The cgroup2 directory of a path in the tree. */
  directory(relative: string): string {
    return path.join(this.#unified, relative);
  }

  /** The cgroup.procs files that a process writes to in order to enter the cgroup, one per hierarchy. */
  procsFiles(relative: string): string[] {
    return this.roots.map((root) => path.join(root, relative, 'cgroup.procs'));
  }

  /** Creates a cgroup and its parents. */
  create(relative: string): void {
    for (const root of this.roots) mkdirSync(path.join(root, relative), { recursive: true });
    if (this.enforcement === 'cgroup2') this.#delegateCpu(relative);
  }

  /** Sets shares and quota as the kubelet computes them (pkg/kubelet/cm MilliCPUToShares, MilliCPUToQuota). */
  limit(relative: string, { request, limit }: CpuLimits): void {
    const shares = Math.max(MIN_SHARES, Math.floor(request * 1024));
    const quota = limit === undefined ? undefined : Math.max(MIN_QUOTA_US, Math.round(limit * PERIOD_US));
    if (this.enforcement === 'cgroup1') {
      const directory = path.join(this.#cpu!, relative);
      writeFileSync(path.join(directory, 'cpu.shares'), String(shares));
      writeFileSync(path.join(directory, 'cpu.cfs_period_us'), String(PERIOD_US));
      writeFileSync(path.join(directory, 'cpu.cfs_quota_us'), String(quota ?? -1));
    } else if (this.enforcement === 'cgroup2') {
      const directory = this.directory(relative);
      writeFileSync(path.join(directory, 'cpu.weight'), String(weightOf(shares)));
      writeFileSync(path.join(directory, 'cpu.max'), `${quota ?? 'max'} ${PERIOD_US}`);
    }
  }

  /** SIGKILLs every process in a cgroup and below it. */
  kill(relative: string): void {
    killCgroup(this.directory(relative));
  }

  /** Removes a cgroup and its descendants once their processes are gone. */
  async remove(relative: string): Promise<void> {
    for (const root of this.roots) await removeTree(path.join(root, relative));
  }

  /** A cgroup2 has the cpu controller only if each of its parents delegates it. */
  #delegateCpu(relative: string): void {
    const parts = relative.split('/').slice(0, -1);
    for (const depth of [...parts.keys(), parts.length]) {
      const directory = this.directory(parts.slice(0, depth).join('/'));
      writeFileSync(path.join(directory, 'cgroup.subtree_control'), '+cpu');
    }
  }
}

/** Path of a pod below the tree's root, named as by the kubelet's systemd cgroup driver and nested as in kind. */
export function podPath(qos: QosClass, uid: string): string {
  return `${qosPath(qos)}/${sliceOf(qos)}-pod${uid.replaceAll('-', '_')}.slice`;
}

/** The slice of a QoS class; that of Guaranteed pods is the slice of all pods. */
export function qosPath(qos: QosClass): string {
  const all = 'kubelet.slice/kubelet-kubepods.slice';
  return qos === 'Guaranteed' ? all : `${all}/${sliceOf(qos)}.slice`;
}

/** The cgroups above all pods, outermost first. */
export function nodeCgroups(): string[] {
  return ['kubelet.slice', 'kubelet.slice/kubelet-kubepods.slice'];
}

/** containerd's scope of a container; its id has 64 hexadecimal digits. */
export function containerScope(id: string): string {
  return `cri-containerd-${id}.scope`;
}

function sliceOf(qos: QosClass): string {
  return qos === 'Guaranteed' ? 'kubelet-kubepods' : `kubelet-kubepods-${qos.toLowerCase()}`;
}

/** Converts cpu.shares 2…262144 to cpu.weight 1…10000, as containerd does. */
function weightOf(shares: number): number {
  return 1 + Math.floor(((shares - 2) * 9999) / 262_142);
}

function enableCpu(mount: string): boolean {
  const file = path.join(mount, 'cgroup.subtree_control');
  if (readFileSync(file, 'utf8').split(/\s/).includes('cpu')) return true;
  try {
    writeFileSync(file, '+cpu');
    return true;
  } catch {
    return false;
  }
}

/** SIGKILLs every process below a cgroup directory, if it still exists. */
export function killCgroup(directory: string): void {
  if (existsSync(path.join(directory, 'cgroup.kill'))) {
    unlessGone(() => {
      writeFileSync(path.join(directory, 'cgroup.kill'), '1');
    });
    return;
  }
  for (const child of childrenOf(directory)) killCgroup(child);
  for (const pid of processesIn(directory)) unlessGone(() => process.kill(pid, 'SIGKILL'));
}

/** Ignores that the cgroup or the process is gone already. */
function unlessGone(action: () => void): void {
  try {
    action();
  } catch (error) {
    if (!['ENOENT', 'ENODEV', 'ESRCH'].includes(errorCode(error) ?? '')) throw error;
  }
}

/** Removes a cgroup directory bottom-up, waiting for killed processes to leave it. */
export async function removeTree(directory: string): Promise<void> {
  if (!existsSync(directory)) return; // in a read-only hierarchy the error is not ENOENT
  for (const child of childrenOf(directory)) await removeTree(child);
  for (let attempt = 1; ; attempt += 1) {
    try {
      rmdirSync(directory);
      return;
    } catch (error) {
      if (errorCode(error) === 'ENOENT') return;
      if (errorCode(error) !== 'EBUSY' || attempt === REMOVAL_ATTEMPTS) throw error;
    }
    await sleep(REMOVAL_PAUSE_MS);
  }
}

function childrenOf(directory: string): string[] {
  try {
    const entries = readdirSync(directory, { withFileTypes: true });
    return entries.filter((entry) => entry.isDirectory()).map(({ name }) => path.join(directory, name));
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return [];
    throw error;
  }
}

/** The processes directly in a cgroup; none if it is gone. */
export function processesIn(directory: string): number[] {
  try {
    return readFileSync(path.join(directory, 'cgroup.procs'), 'utf8').split('\n').filter(Boolean).map(Number);
  } catch (error) {
    if (errorCode(error) === 'ENOENT' || errorCode(error) === 'ENODEV') return [];
    throw error;
  }
}

export interface CgroupMounts {
  /** Mount point of the cgroup2 hierarchy. */
  unified: string | undefined;
  /** Mount point of a cgroup v1 hierarchy with the cpu controller. */
  cpu: string | undefined;
}

/** Finds the cgroup hierarchies in the text of `/proc/self/mountinfo`. */
export function parseCgroupMounts(mountinfo: string): CgroupMounts {
  const mounts = parseMounts(mountinfo);
  return {
    unified: mounts.find(({ type }) => type === 'cgroup2')?.point,
    cpu: mounts.find(({ type, options }) => type === 'cgroup' && options.includes('cpu'))?.point,
  };
}

export function cgroupMounts(): CgroupMounts {
  return parseCgroupMounts(readFileSync('/proc/self/mountinfo', 'utf8'));
}
