import { rm, mkdir } from 'node:fs/promises';
import path from 'node:path';
import { errorMessage, KernscaleError } from '../../common/errors.js';
import { AddressPool, claimInstance, makeStateDirectory, sweepLeftovers, type Instance } from './instance.js';
import { Faults } from './api/faults.js';
import { ListWatch } from './api/list-watch.js';
import { Routes } from './api/routes.js';
import { ApiServer } from './api/server.js';
import { Writer } from './api/write.js';
import { makeCertificates, type Certificates, Credentials } from './credentials.js';
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

export type { Faults, Rejection } from './api/faults.js';

const HISTORY_LIMIT = 2000;
const NAMESPACES = ['default', 'kube-system', 'kube-public', 'kube-node-lease'];

/** What undoes each step of the start, in the order of the steps. */
type CleanUps = (() => Promise<void> | void)[];

export interface ClusterOptions {
  /** The name of the one node; `kernscale-demo` by default. */
  nodeName?: string;
  /** Directories that play the root file systems of images while a container's program is looked up. */
  images: Readonly<Record<string, string>>;
  /** Hears what goes wrong inside. */
  log?: Log;
  /** Where kubeconfig, certificates and logs go: a directory that is yours to remove; else a temporary one. */
  stateDir?: string;
  /** How many changes a watch can be behind before it is answered 410. */
  historyLimit?: number;
}

export interface Cluster {
  url: string;
  nodeName: string;
  kubeconfigPath: string;
  caPath: string;
  /** The file with the present bearer token. */
  tokenPath: string;
  stateDir: string;
  /** The cgroup2 directory all pods are below; its name is unique to this cluster. */
  cgroupRoot: string;
  /** Who enforces CPU limits: `none` when the cpu controller is out of reach. */
  cpuEnforcement: CpuEnforcement;
  faults: Faults;
  /** Applies a manifest of one or more YAML documents through the API. @throws KernscaleError */
  apply(manifest: string): Promise<void>;
  /** Ends all pods and removes every trace. May be called again. @throws KernscaleError `CLEAN_UP_FAILED` */
  stop(): Promise<void>;
}

/**
 * Starts a one-node cluster on this machine whose API is real on the wire and whose pods are real processes in
 * cgroups laid out as a kubelet lays them out. Needs root, `setpriv` (util-linux) and `openssl`.
 *
 * @throws KernscaleError `CGROUP2_MISSING`, `CGROUP_FORBIDDEN`, `OPENSSL_MISSING`, `OPENSSL_FAILED`,
 *   `TOO_MANY_CLUSTERS`
 */
export async function startCluster(options: ClusterOptions): Promise<Cluster> {
  await sweepLeftovers();
  const instance = await claimInstance();
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
  const tree = plantTree(instance, log, cleanUps);
  const certificates = await makeCertificates(stateDir);
  const credentials = new Credentials(stateDir, certificates.caPath);
  const store = new Store(options.historyLimit ?? HISTORY_LIMIT);
  const podAddresses = new AddressPool(instance.podPrefix);
  const logRoot = path.join(stateDir, 'pods');
  const kubelet = new Kubelet({ store, log, nodeName, tree, podAddresses, images, logRoot });
  const listWatch = new ListWatch(store);
  const writer = new Writer(store, new AddressPool(instance.servicePrefix));
  const routes = new Routes(writer, listWatch, (pod, container, previous) =>
    kubelet.logPath(pod, container, previous),
  );
  const { server, faults } = connect({ store, listWatch, routes, certificates, credentials, log });
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
  return describe({ server, credentials, tree, nodeName, stateDir, faults, stop });
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

function plantTree({ name }: Instance, log: Log, cleanUps: CleanUps): CgroupTree {
  const tree = new CgroupTree(name);
  cleanUps.push(() => tree.remove(''));
  tree.plant();
  if (tree.enforcement === 'none') {
    log('CPU limits are not enforced: no cgroup hierarchy hands down the cpu controller');
  }
  return tree;
}

/** The server and the faults of each other: faults strike requests, and reach into the server. */
function connect(parts: {
  store: Store;
  listWatch: ListWatch;
  routes: Routes;
  certificates: Certificates;
  credentials: Credentials;
  log: Log;
}): { server: ApiServer; faults: Faults } {
  const { store, listWatch, routes, credentials, log } = parts;
  const { key, certificate } = parts.certificates;
  const faults: Faults = new Faults({
    store,
    listWatch,
    disconnect: () => {
      server.disconnect();
    },
    stopListening: () => server.close(),
    listenAgain: () => server.listen(),
    rotateToken: () => credentials.rotate(server.url),
  });
  const server = new ApiServer({ key, certificate, token: () => credentials.token, routes, faults, log });
  return { server, faults };
}

function describe(parts: {
  server: ApiServer;
  credentials: Credentials;
  tree: CgroupTree;
  nodeName: string;
  stateDir: string;
  faults: Faults;
  stop: () => Promise<void>;
}): Cluster {
  const { server, credentials, tree, ...rest } = parts;
  const { kubeconfigPath, caPath, tokenPath } = credentials;
  return {
    ...rest,
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

/** Undoes everything in reverse order, and says what failed only after all was tried. */
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
  const message = `the stand-in cluster left something behind: ${errors.map(errorMessage).join('; ')}`;
  throw new KernscaleError('CLEAN_UP_FAILED', message);
}
