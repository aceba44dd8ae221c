import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { loadKubeConfig } from '../../common/kubeconfig.js';
import { startCluster, type Cluster } from '../cluster/index.js';
import { demoManifests, WORKLOAD_IMAGE } from './demo.js';
import { makeRunDirectory, sweepRunDirectories } from './leftovers.js';
import { observe, type Observed } from './observe.js';
import { fromRoot, PROMETHEUS } from '../paths.js';
import { reservePort } from './ports.js';
import { start, untilReady, type Program, type Running } from './process.js';
import { prometheusProgram, threadStates, type StateShare } from './prometheus.js';

const NODE = 'kernscale-demo';
const GRACE_MS = 3000;

export interface Ports {
  exporter: number;
  scaler: number;
  prometheus: number;
}

const DEFAULT_PORTS: Readonly<Ports> = { exporter: 5000, scaler: 5001, prometheus: 9090 };
export const NAMESPACE = 'shop';

/** The whole of Kernscale on this machine, running. */
export interface Loop {
  readonly ports: Readonly<Ports>;
  readonly kubeconfig: string;
  readonly directory: string;
  readonly programs: readonly { readonly name: string; readonly running: Running }[];
  observe(workloads: readonly string[]): Promise<Observed>;
  /** Undefined when Prometheus does not answer. */
  threadStates(): Promise<StateShare[] | undefined>;
  /** Lets the clients of `chain` begin. */
  addChainLoad(): Promise<void>;
  /** Ends every process and removes every file and cgroup; safe to call twice. */
  stop(): Promise<void>;
}

export interface LoopOptions {
  readonly rules: string;
  readonly signal: AbortSignal;
  readonly notice: (message: string) => void;
}

/** Starts stand-in cluster, exporter, Prometheus and scaler, in this order; on an error nothing is left. */
export async function startLoop(options: LoopOptions): Promise<Loop> {
  sweepRunDirectories();
  const directory = makeRunDirectory();
  const cleanUp: (() => Promise<void>)[] = [];
  const stop = async () => {
    for (let undo = cleanUp.pop(); undo; undo = cleanUp.pop()) await undo();
    rmSync(directory, { recursive: true, force: true });
  };
  try {
    const ports = await choosePorts(options.notice, cleanUp);
    options.notice('starting the stand-in cluster and the demo workloads');
    const cluster = await startCluster({
      nodeName: NODE,
      images: { [WORKLOAD_IMAGE]: fromRoot('sandbox/workloads/build') },
      stateDir: directory,
    });
    cleanUp.push(() => cluster.stop());
    await cluster.apply(demoManifests().atStart);
    const programs = [];
    for (const program of allPrograms(ports, directory, cluster, options)) {
      options.signal.throwIfAborted();
      options.notice(`starting ${program.name}`);
      const running = start(program);
      cleanUp.push(() => running.stop(GRACE_MS));
      await untilReady(program, running, options.signal);
      programs.push({ name: program.name, running });
    }
    const config = loadKubeConfig(cluster.kubeconfigPath);
    return {
      ports,
      kubeconfig: cluster.kubeconfigPath,
      directory,
      programs,
      observe: (workloads) => observe(config, urlOf(ports.scaler), NAMESPACE, workloads),
      threadStates: () => threadStates(urlOf(ports.prometheus), NAMESPACE),
      addChainLoad: () => cluster.apply(demoManifests().chainLoad),
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

export function urlOf(port: number): string {
  return `http://127.0.0.1:${port}`;
}

async function choosePorts(
  notice: (message: string) => void,
  cleanUp: (() => Promise<void>)[],
): Promise<Ports> {
  const ports = { ...DEFAULT_PORTS };
  for (const name of Object.keys(DEFAULT_PORTS) as (keyof Ports)[]) {
    const { port, release } = await reservePort(DEFAULT_PORTS[name]);
    cleanUp.push(release);
    ports[name] = port;
    if (port !== DEFAULT_PORTS[name]) {
      notice(`port ${DEFAULT_PORTS[name]} is busy, so the ${name} listens on ${port}`);
    }
  }
  return ports;
}

function allPrograms(
  ports: Readonly<Ports>,
  directory: string,
  cluster: Cluster,
  options: LoopOptions,
): Program[] {
  const service = (name: string, entry: string, port: number, args: readonly string[]): Program => ({
    name: `the ${name}`,
    command: process.execPath,
    args: [
      fromRoot(entry),
      `--web.listen-address=127.0.0.1:${port}`,
      `--kubernetes.kubeconfig=${cluster.kubeconfigPath}`,
      ...args,
    ],
    logFile: join(directory, `${name}.log`),
    readyUrl: `${urlOf(port)}/-/ready`,
  });
  return [
    service('exporter', 'dist/exporter/main.js', ports.exporter, [`--kubernetes.node-name=${NODE}`]),
    prometheusProgram({
      binary: PROMETHEUS,
      directory,
      port: ports.prometheus,
      exporterPort: ports.exporter,
      scalerPort: ports.scaler,
      ruleFiles: [fromRoot('rules/prometheus/*.yaml')],
    }),
    service('scaler', 'dist/scaler/main.js', ports.scaler, [
      `--rules=${options.rules}`,
      `--prometheus.url=${urlOf(ports.prometheus)}`,
    ]),
  ];
}
