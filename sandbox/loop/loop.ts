import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { KernscaleError } from '../../common/errors.js';
import { loadKubeConfig } from '../../common/kubeconfig.js';
import { startCluster } from '../cluster/index.js';
import { fromRoot, PROMETHEUS } from '../paths.js';
import { measure, type Measured } from '../hpa/measure.js';
import { demoManifests, WORKLOAD_IMAGE } from './demo.js';
import { inTime, observe, setReplicas, threadStates } from './observe.js';
import type { InTime, Observed, StateShare } from './observe.js';
import { reservePort } from './ports.js';
import { start, untilReady, type Running } from './process.js';
import { programs, urlOf, type Ports } from './programs.js';

export const RUN_DIRECTORY_PREFIX = 'kernscale-loop-';
export const NAMESPACE = 'shop';

const NODE = 'kernscale-demo';
/** Three programs in turn, after a look of up to 2 s: Ctrl-C ends everything within 5 s. */
const GRACE_MS = 1000;
const DEFAULT_PORTS: Readonly<Ports> = { exporter: 5000, scaler: 5001, prometheus: 9090 };
const NAMES: Readonly<Record<keyof Ports, string>> = {
  exporter: 'the exporter',
  scaler: 'the scaler',
  prometheus: 'Prometheus',
};

/** All of Kernscale, running on this machine. */
export interface Loop {
  readonly ports: Readonly<Ports>;
  readonly kubeconfig: string;
  readonly programs: readonly { readonly name: string; readonly running: Running }[];
  observe(workloads: readonly string[]): Promise<Observed>;
  /** Undefined while Prometheus does not respond. */
  threadStates(): Promise<StateShare[] | undefined>;
  /** What HPAs would read now; undefined while Prometheus does not respond. */
  measure(): Promise<Measured | undefined>;
  /** Sets the replicas of a Deployment, as an HPA does. */
  scale(workload: string, replicas: number): Promise<void>;
  /** Requests per second that load generators got answered in time, by workload, every `step` seconds until now. */
  inTime(from: number, step: number): Promise<ReadonlyMap<string, readonly InTime[]>>;
  /** Starts the load generator of `chain`, and more of those of `disk`. */
  addPeakLoad(): Promise<void>;
  /** Ends every process and removes every file and cgroup. A second call does nothing. */
  stop(): Promise<void>;
}

export interface LoopOptions {
  readonly rules: string;
  /** The scaler decides and changes nothing. */
  readonly dryRun: boolean;
  readonly signal: AbortSignal;
  readonly notice: (message: string) => void;
}

type CleanUps = (() => Promise<void>)[];

/**
 * Reports what this machine lacks, before anything starts.
 *
 * @throws KernscaleError `NOT_LINUX`, `NOT_ROOT`, `NO_BTF` or `NO_PROMETHEUS`
 */
export function preflight(): void {
  if (process.platform !== 'linux') throw new KernscaleError('NOT_LINUX', 'the kernel probes need Linux');
  if (process.getuid?.() !== 0) {
    throw new KernscaleError(
      'NOT_ROOT',
      'loading BPF programs and creating cgroups needs root; run it with sudo',
    );
  }
  if (!existsSync('/sys/kernel/btf/vmlinux')) {
    throw new KernscaleError(
      'NO_BTF',
      'this kernel has no type information (/sys/kernel/btf/vmlinux); use one built with CONFIG_DEBUG_INFO_BTF',
    );
  }
  if (!existsSync(PROMETHEUS)) {
    throw new KernscaleError('NO_PROMETHEUS', `there is no ${PROMETHEUS}; run scripts/setup.sh`);
  }
}

/** Starts stand-in cluster, exporter, Prometheus and scaler, in this order; cleans up when one of them fails. */
export async function startLoop(options: LoopOptions): Promise<Loop> {
  removeOldRunDirectories();
  const directory = mkdtempSync(join(tmpdir(), `${RUN_DIRECTORY_PREFIX}${process.pid}-`));
  const cleanUps: CleanUps = [];
  const stop = async () => {
    for (let undo = cleanUps.pop(); undo; undo = cleanUps.pop()) await undo();
    rmSync(directory, { recursive: true, force: true });
  };
  try {
    return { ...(await startAll(options, directory, cleanUps)), stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function startAll(
  { rules, dryRun, signal, notice }: LoopOptions,
  directory: string,
  cleanUps: CleanUps,
): Promise<Omit<Loop, 'stop'>> {
  const ports = await choosePorts(notice, cleanUps);
  notice('Starting the stand-in cluster and the demo workloads');
  const cluster = await startCluster({
    nodeName: NODE,
    images: { [WORKLOAD_IMAGE]: fromRoot('sandbox/workloads/build') },
    stateDir: directory,
  });
  cleanUps.push(() => cluster.stop());
  await cluster.apply(demoManifests().atStart);
  const kubeconfig = cluster.kubeconfigPath;
  const started = [];
  for (const program of programs({ ports, directory, nodeName: NODE, kubeconfig, rules, dryRun })) {
    signal.throwIfAborted();
    notice(`Starting ${program.name}`);
    const running = start(program);
    cleanUps.push(() => running.stop(GRACE_MS));
    await untilReady(program, running, signal);
    started.push({ name: program.name, running });
  }
  const config = loadKubeConfig(kubeconfig);
  return {
    ports,
    kubeconfig,
    programs: started,
    observe: (workloads) => observe(config, urlOf(ports.scaler), NAMESPACE, workloads),
    threadStates: () => threadStates(urlOf(ports.prometheus), NAMESPACE),
    scale: (workload, replicas) => setReplicas(config, NAMESPACE, workload, replicas),
    inTime: (from, step) => inTime(urlOf(ports.prometheus), NAMESPACE, from, step),
    measure: () => measure(config, urlOf(ports.prometheus), NAMESPACE),
    addPeakLoad: () => cluster.apply(demoManifests().peak),
  };
}

/** Removes the directories of runs that were killed before they could. */
function removeOldRunDirectories(): void {
  for (const name of readdirSync(tmpdir())) {
    const pid = new RegExp(`^${RUN_DIRECTORY_PREFIX}(\\d+)-`).exec(name)?.[1];
    if (pid !== undefined && !existsSync(`/proc/${pid}`)) {
      rmSync(join(tmpdir(), name), { recursive: true, force: true });
    }
  }
}

async function choosePorts(notice: (message: string) => void, cleanUps: CleanUps): Promise<Ports> {
  const ports = { ...DEFAULT_PORTS };
  for (const name of Object.keys(DEFAULT_PORTS) as (keyof Ports)[]) {
    const wanted = DEFAULT_PORTS[name];
    const { port, release } = await reservePort(wanted);
    cleanUps.push(release);
    ports[name] = port;
    if (port !== wanted) notice(`Port ${wanted} is in use; ${NAMES[name]} listens on ${port} instead`);
  }
  return ports;
}
