import { rm, mkdir } from 'node:fs/promises';
import path from 'node:path';
import { errorMessage, KernscaleError } from '../../common/errors.js';
import {
  AddressPool,
  acquireInstance,
  makeStateDirectory,
  sweepLeftovers,
  type Instance,
} from './instance.js';
import { ListWatch } from './api/list-watch.js';
import { Routes } from './api/routes.js';
import { ApiServer } from './api/server.js';
import { Writer } from './api/write.js';
import { makeCertificates, Credentials } from './credentials.js';
import { applyManifest } from './client.js';
import { daemonSetController } from './controllers/daemonset.js';
import { deploymentController } from './controllers/deployment.js';
import { endpointSliceController } from './controllers/endpointslice.js';
import { GarbageCollector } from './controllers/garbage.js';
import type { Controller, Log } from './controllers/reconciler.js';
import { replicaSetController } from './controllers/replicaset.js';
import { scheduler } from './controllers/scheduler.js';
import { statefulSetController } from './controllers/statefulset.js';
import { CgroupTree, type CpuEnforcement } from './kubelet/cgroup.js';
import { Kubelet } from './kubelet/kubelet.js';
import { ServiceProxy } from './proxy.js';
import { Store } from './store.js';

const HISTORY_LIMIT = 2000;
const NAMESPACES = ['default', 'kube-system', 'kube-public', 'kube-node-lease'];

/** One for each step of the start, in the order of the steps. */
type CleanUps = (() => Promise<void> | void)[];

export interface ClusterOptions {
  /** Name of the only node; `kernscale-demo` by default. */
  nodeName?: string;
  /** By image name: the directory in which a container's program is looked up. */
  images: Readonly<Record<string, string>>;
  /** Receives errors that no API response reports. */
  log?: Log;
  /** Directory for kubeconfig, certificates and logs, which the caller removes; a temporary one by default. */
  stateDir?: string;
  /** Number of changes that a watch can be behind before the response is 410. */
  historyLimit?: number;
}

interface Parts {
  server: ApiServer;
  store: Store;
  listWatch: ListWatch;
  credentials: Credentials;
}

export interface Cluster {
  url: string;
  nodeName: string;
  kubeconfigPath: string;
  caPath: string;
  /** File with the current bearer token. */
  tokenPath: string;
  stateDir: string;
  /** cgroup2 directory of all pods; its name is unique to this cluster. */
  cgroupRoot: string;
  /** Hierarchy that enforces CPU limits; `none` without a cpu controller. */
  cpuEnforcement: CpuEnforcement;
  /** What tests of API clients disturb. */
  parts: Parts;
  /** Applies a manifest of one or more YAML documents through the API. @throws KernscaleError */
  apply(manifest: string): Promise<void>;
  /** Ends all pods and removes every trace. A second call does nothing. @throws KernscaleError `CLEAN_UP_FAILED` */
  stop(): Promise<void>;
}

/**
 * Starts a cluster of one node on this machine. It serves the Kubernetes API over HTTPS, and its pods are processes in
 * cgroups laid out as a kubelet lays them out. Needs root, `setpriv` (util-linux) and `openssl`.
 *
 * @throws KernscaleError `CGROUP2_MISSING`, `CGROUP_FORBIDDEN`, `OPENSSL_MISSING`, `OPENSSL_FAILED`,
 *   `TOO_MANY_CLUSTERS`
 */
export async function startCluster(options: ClusterOptions): Promise<Cluster> {
  await sweepLeftovers();
  const instance = await acquireInstance();
  const cleanUps: CleanUps = [
    () => {
      instance.release();
    },
  ];
  let stopped: Promise<void> | undefined;
  const stop = (): Promise<void> => (stopped ??= runAll(cleanUps));
  try {
    return await assemble(options, instance, cleanUps, stop);
  } catch (error) {
    await stop();
    throw error;
  }
}

async function assemble(
  options: ClusterOptions,
  instance: Instance,
  cleanUps: CleanUps,
  stop: () => Promise<void>,
): Promise<Cluster> {
  const { log = () => undefined, nodeName = 'kernscale-demo', images } = options;
  const stateDir = await prepareStateDirectory(options, instance, cleanUps);
  const tree = createTree(instance, log, cleanUps);
  const { key, certificate, caPath } = await makeCertificates(stateDir);
  const credentials = new Credentials(stateDir, caPath);
  const store = new Store(options.historyLimit ?? HISTORY_LIMIT);
  const podAddresses = new AddressPool(instance.podPrefix);
  const logRoot = path.join(stateDir, 'pods');
  const kubelet = new Kubelet({ store, log, nodeName, tree, podAddresses, images, logRoot });
  const listWatch = new ListWatch(store);
  const writer = new Writer(store, new AddressPool(instance.servicePrefix));
  const routes = new Routes(writer, listWatch, (pod, container, previous) =>
    kubelet.logPath(pod, container, previous),
  );
  const server = new ApiServer({ key, certificate, token: () => credentials.token, routes, log });
  for (const name of NAMESPACES) createNamespace(store, name);
  const controllers = [...controllersOf(store, log, nodeName), kubelet, new ServiceProxy(store, log)];
  cleanUps.push(() => kubelet.killAll());
  cleanUps.push(() => {
    for (const controller of controllers) controller.stop();
    listWatch.close();
  });
  for (const controller of controllers) controller.start();
  await server.listen();
  cleanUps.push(() => server.close());
  credentials.write(server.url);
  return describe({ server, store, listWatch, credentials }, tree, { nodeName, stateDir, stop });
}

async function prepareStateDirectory(
  { stateDir: given }: ClusterOptions,
  { name }: Instance,
  cleanUps: CleanUps,
): Promise<string> {
  if (given !== undefined) {
    await mkdir(given, { recursive: true });
    return given;
  }
  const made = await makeStateDirectory(name);
  cleanUps.push(() => rm(made, { recursive: true, force: true }));
  return made;
}

function createTree({ name }: Instance, log: Log, cleanUps: CleanUps): CgroupTree {
  const tree = new CgroupTree(name);
  cleanUps.push(() => tree.remove(''));
  tree.createRoots();
  if (tree.enforcement === 'none') {
    log('CPU limits are not enforced: no cgroup hierarchy has the cpu controller');
  }
  return tree;
}

function describe(
  parts: Parts,
  tree: CgroupTree,
  rest: Pick<Cluster, 'nodeName' | 'stateDir' | 'stop'>,
): Cluster {
  const { server, credentials } = parts;
  const { kubeconfigPath, caPath, tokenPath } = credentials;
  return {
    ...rest,
    parts,
    url: server.url,
    kubeconfigPath,
    caPath,
    tokenPath,
    cgroupRoot: tree.directory(''),
    cpuEnforcement: tree.enforcement,
    apply: (manifest) => applyManifest(server.url, credentials, manifest),
  };
}

function controllersOf(store: Store, log: Log, nodeName: string): Controller[] {
  return [
    new GarbageCollector(store),
    scheduler(store, log, nodeName),
    daemonSetController(store, log),
    deploymentController(store, log),
    replicaSetController(store, log),
    statefulSetController(store, log),
    endpointSliceController(store, log),
  ];
}

function createNamespace(store: Store, name: string): void {
  const labels = { 'kubernetes.io/metadata.name': name };
  store.create('namespaces', {
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name, labels },
    status: { phase: 'Active' },
  });
}

/** Undoes everything in reverse order, and reports failures only after the last. */
async function runAll(cleanUps: Readonly<CleanUps>): Promise<void> {
  const errors: unknown[] = [];
  for (const cleanUp of cleanUps.toReversed()) {
    try {
      await cleanUp();
    } catch (error) {
      errors.push(error);
    }
  }
  if (errors.length === 0) return;
  const message = `cleaning up the stand-in cluster failed: ${errors.map(errorMessage).join('; ')}`;
  throw new KernscaleError('CLEAN_UP_FAILED', message);
}
