import os from 'node:os';
import path from 'node:path';
import { errorMessage } from '../../../common/errors.js';
import type { AddressPool } from '../instance.js';
import { EventRecorder } from '../events.js';
import type { Controller, Log } from '../controllers/reconciler.js';
import { timestamp } from '../objects/meta.js';
import { isFinished, type Container, type Pod, qosClass } from '../objects/pod.js';
import type { Change, Store } from '../store.js';
import { nodeCgroups, qosPath, type CgroupTree } from './cgroup.js';
import { cpuOf } from './container.js';
import { commandOf, environmentOf } from './environment.js';
import { describeNode } from './node.js';
import { PodRunner, sumOf, type Prepare } from './pod.js';

const HOST_ADDRESS = '127.0.0.1';
const LEASE_NAMESPACE = 'kube-node-lease';
const LEASE_SECONDS = 40;
const HEARTBEAT_MS = 10_000;
/** Weight of the pods over everything else on this machine, whose CPU use must not look like demand of the pods. */
const CPU_PRECEDENCE = 10;
/** QoS classes with a cgroup of their own. */
const SHARED = ['Burstable', 'BestEffort'] as const;

export interface KubeletOptions {
  store: Store;
  log: Log;
  nodeName: string;
  tree: CgroupTree;
  podAddresses: AddressPool;
  /** By image name: the directory in which a container's program is looked up. */
  images: Readonly<Record<string, string>>;
  logRoot: string;
}

/** Runs the pods bound to the node, reports their status, and ends deleted ones. */
export class Kubelet implements Controller {
  readonly #options: KubeletOptions;
  readonly #events: EventRecorder;
  readonly #runners = new Map<string, PodRunner>();
  #stopped = false;
  #unsubscribe: (() => void) | undefined;
  #heartbeat: NodeJS.Timeout | undefined;

  constructor(options: KubeletOptions) {
    this.#options = options;
    this.#events = new EventRecorder(options.store, 'kubelet', options.nodeName);
  }

  start(): void {
    const { store, nodeName, tree } = this.#options;
    const cpus = os.cpus().length;
    for (const cgroup of nodeCgroups()) {
      tree.create(cgroup);
      tree.limit(cgroup, { request: cpus, limit: undefined });
    }
    tree.limit('', { request: cpus * CPU_PRECEDENCE, limit: undefined });
    for (const qos of SHARED) tree.create(qosPath(qos));
    this.#shareCpu();
    store.create('nodes', describeNode(nodeName, HOST_ADDRESS));
    this.#renewLease();
    this.#heartbeat = setInterval(() => {
      this.#renewLease();
    }, HEARTBEAT_MS).unref();
    this.#unsubscribe = store.subscribe((change) => {
      if (change.resource === 'pods') this.#handle(change as Change<'pods'>);
    });
  }

  stop(): void {
    this.#stopped = true;
    this.#unsubscribe?.();
    clearInterval(this.#heartbeat);
  }

  /** Kills every pod and waits until their processes and cgroups are gone. */
  async killAll(): Promise<void> {
    await Promise.all([...this.#runners.values()].map((runner) => runner.stop(0)));
  }

  /** Path of a container's log; undefined once its pod is gone. */
  logPath(pod: Pod, container: string, previous: boolean): string | undefined {
    return this.#runners.get(pod.metadata.uid)?.logPath(container, previous);
  }

  #handle({ type, object: pod }: Change<'pods'>): void {
    const runner = this.#runners.get(pod.metadata.uid);
    const { deletionTimestamp, deletionGracePeriodSeconds = 0 } = pod.metadata;
    if (type === 'DELETED') {
      if (runner) this.#end(pod, runner, 0);
    } else if (deletionTimestamp !== undefined) {
      if (runner) this.#end(pod, runner, deletionGracePeriodSeconds);
      else this.#options.store.remove('pods', pod);
    } else if (!runner && pod.spec.nodeName === this.#options.nodeName && !isFinished(pod)) {
      this.#begin(pod);
    }
  }

  #begin(pod: Pod): void {
    const { tree, logRoot, podAddresses } = this.#options;
    const inUse = new Set([...this.#runners.values()].map(({ address }) => address));
    const runner = new PodRunner(pod, {
      tree,
      address: podAddresses.next(inUse),
      hostAddress: HOST_ADDRESS,
      logRoot,
      prepare: this.#prepare,
      changed: () => {
        this.#report(pod, runner);
      },
      event: (type, reason, message) => {
        if (type === 'Normal') this.#events.normal(pod, reason, message);
        else this.#events.warning(pod, reason, message);
      },
    });
    this.#runners.set(pod.metadata.uid, runner);
    this.#shareCpu();
    runner.start();
    this.#report(pod, runner);
  }

  #end(pod: Pod, runner: PodRunner, graceSeconds: number): void {
    runner.stop(graceSeconds).then(
      () => {
        this.#runners.delete(pod.metadata.uid);
        this.#options.store.remove('pods', pod);
        this.#shareCpu();
      },
      (error: unknown) => {
        this.#options.log(`kubelet: cannot stop pod ${pod.metadata.name}: ${errorMessage(error)}`);
      },
    );
  }

  #report(pod: Pod, runner: PodRunner): void {
    this.#options.store.mutate('pods', pod, (draft) => {
      draft.status = runner.status(draft.status);
    });
  }

  readonly #prepare: Prepare = (pod: Pod, container: Container) => {
    const { store, images } = this.#options;
    const services = store.list('services', pod.metadata.namespace);
    const env = environmentOf(pod, container, services);
    const directory = images[container.image];
    const root = directory === undefined ? undefined : path.resolve(directory);
    const command = commandOf(container, root, env);
    return { command, env, cwd: path.join(root ?? '/', container.workingDir ?? '') };
  };

  /** All Burstable pods together have the weight of their requests, BestEffort pods the smallest weight. */
  #shareCpu(): void {
    if (this.#stopped) return;
    const { store, tree } = this.#options;
    const burstable = store.list('pods').filter(({ spec }) => qosClass(spec) === 'Burstable');
    const { request } = sumOf(burstable.flatMap(({ spec }) => spec.containers.map(cpuOf)));
    for (const qos of SHARED) {
      tree.limit(qosPath(qos), { request: qos === 'Burstable' ? request : 0, limit: undefined });
    }
  }

  /** Renews the node's lease, the kubelet's heartbeat. */
  #renewLease(): void {
    const { store, nodeName } = this.#options;
    const renewTime = timestamp().replace('Z', '.000000Z');
    const spec = { holderIdentity: nodeName, leaseDurationSeconds: LEASE_SECONDS, renewTime };
    const lease = store.get('leases', LEASE_NAMESPACE, nodeName);
    if (lease) {
      store.mutate('leases', lease, (draft) => {
        draft.spec = spec;
      });
      return;
    }
    const metadata = { name: nodeName, namespace: LEASE_NAMESPACE };
    store.create('leases', { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata, spec });
  }
}
