import { randomBytes } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { setCondition, timestamp, type Condition } from '../objects/meta.js';
import { type Container, type Pod, type PodStatus, qosClass } from '../objects/pod.js';
import { containerScope, podPath, type CgroupTree, type CpuLimits } from './cgroup.js';
import { ContainerRunner, cpuOf, type ContainerHost } from './container.js';
import { launch, type Launched } from './launch.js';

const KILL_AGAIN_MS = 100;

export type Prepare = (pod: Pod, container: Container) => ReturnType<ContainerHost['prepare']>;

export interface PodOptions {
  tree: CgroupTree;
  address: string;
  hostAddress: string;
  logRoot: string;
  prepare: Prepare;
  changed: () => void;
  event: (type: 'Normal' | 'Warning', reason: string, message: string) => void;
}

/** One pod on the node: its cgroup, its sandbox and its containers. */
export class PodRunner {
  readonly cgroup: string;
  readonly #pod: Pod;
  readonly #options: PodOptions;
  readonly #initRunners: readonly ContainerRunner[];
  readonly #runners: readonly ContainerRunner[];
  readonly #startTime = timestamp();
  readonly #killNow = new AbortController();
  #stopping = false;
  #initialized = false;
  #running: Promise<void> = Promise.resolve();

  constructor(pod: Pod, options: PodOptions) {
    this.#options = options;
    this.cgroup = podPath(qosClass(pod.spec), pod.metadata.uid);
    const { address: podIP, hostAddress: hostIP } = options;
    this.#pod = { ...pod, status: { ...pod.status, podIP, hostIP } };
    const { initContainers = [], containers } = pod.spec;
    this.#initRunners = initContainers.map(
      (container) => new ContainerRunner(this.#host(true), container, true),
    );
    this.#runners = containers.map((container) => new ContainerRunner(this.#host(false), container));
    if (initContainers.length > 0) for (const runner of this.#runners) runner.showWaiting('PodInitializing');
  }

  get address(): string {
    return this.#options.address;
  }

  get #logDirectory(): string {
    const { namespace = '', name, uid } = this.#pod.metadata;
    return path.join(this.#options.logRoot, `${namespace}_${name}_${uid}`);
  }

  /** Path of the log of a container's current or previous run. */
  logPath(container: string, previous: boolean): string | undefined {
    const runner = [...this.#runners, ...this.#initRunners].find((one) => one.container.name === container);
    return runner?.logPath(previous);
  }

  start(): void {
    const { tree } = this.#options;
    mkdirSync(this.#logDirectory, { recursive: true });
    tree.create(this.cgroup);
    tree.limit(this.cgroup, sumOf(this.#pod.spec.containers.map(cpuOf)));
    this.#running = this.#run();
  }

  /**
   * Stops the pod: sends SIGTERM, then SIGKILL after the grace period, and removes its cgroup. A second call with a
   * grace period of 0 kills it at once.
   */
  async stop(graceSeconds: number): Promise<void> {
    if (graceSeconds === 0) this.#killNow.abort();
    if (!this.#stopping) {
      this.#stopping = true;
      for (const runner of [...this.#initRunners, ...this.#runners]) runner.terminate();
      await Promise.race([this.#running, this.#grace(graceSeconds)]);
      await this.#killUntilEnded();
    }
    await this.#running;
    await this.#options.tree.remove(this.cgroup);
  }

  /** The pod's status; conditions that have not changed keep their transition times from `before`. */
  status(before: PodStatus): PodStatus {
    const { address: podIP, hostAddress: hostIP } = this.#options;
    return {
      phase: this.#phase(),
      conditions: this.#conditions(before.conditions ?? []),
      qosClass: qosClass(this.#pod.spec),
      hostIP,
      hostIPs: [{ ip: hostIP }],
      podIP,
      podIPs: [{ ip: podIP }],
      startTime: this.#startTime,
      ...(this.#initRunners.length > 0 && {
        initContainerStatuses: this.#initRunners.map(({ status }) => status),
      }),
      containerStatuses: this.#runners.map(({ status }) => status),
    };
  }

  async #run(): Promise<void> {
    const sandbox = await this.#startSandbox();
    for (const runner of this.#initRunners) {
      await runner.run();
      if (runner.status.state.terminated?.exitCode !== 0) break;
    }
    this.#initialized = this.#initRunners.every(({ status }) => status.state.terminated?.exitCode === 0);
    if (this.#initialized && !this.#stopping) {
      this.#options.changed();
      await Promise.all(this.#runners.map((runner) => runner.run()));
    }
    this.#options.tree.kill(this.cgroup);
    await sandbox.exited;
    this.#options.changed();
  }

  /** Starts the pause process, which sleeps in a scope beside the containers'. */
  async #startSandbox(): Promise<Launched> {
    const { tree } = this.#options;
    const scope = `${this.cgroup}/${containerScope(randomBytes(32).toString('hex'))}`;
    tree.create(scope);
    tree.limit(scope, { request: 0, limit: undefined });
    return launch({
      procsFiles: tree.procsFiles(scope),
      command: ['/bin/sleep', 'infinity'],
      env: {},
      cwd: '/',
      logPath: path.join(this.#logDirectory, 'pause.log'),
    });
  }

  /** Repeats the kill, because a process may have been starting during the first. */
  async #killUntilEnded(): Promise<void> {
    const kill = (): void => {
      this.#options.tree.kill(this.cgroup);
    };
    kill();
    const timer = setInterval(kill, KILL_AGAIN_MS);
    await this.#running.finally(() => {
      clearInterval(timer);
    });
  }

  async #grace(seconds: number): Promise<void> {
    await sleep(seconds * 1000, undefined, { signal: this.#killNow.signal }).catch(() => undefined);
  }

  #phase(): PodStatus['phase'] {
    const { restartPolicy } = this.#pod.spec;
    const states = this.#runners.map(({ status }) => status.state);
    const failedInit = this.#initRunners.some(({ status }) => (status.state.terminated?.exitCode ?? 0) !== 0);
    if (failedInit && restartPolicy === 'Never') return 'Failed';
    const exits = states.map(({ terminated }) => terminated?.exitCode);
    if (exits.every((code) => code !== undefined) && restartPolicy !== 'Always') {
      if (exits.every((code) => code === 0)) return 'Succeeded';
      return restartPolicy === 'Never' ? 'Failed' : 'Running';
    }
    const begun = this.#runners.some(({ status }) => status.state.running ?? status.containerID);
    return begun ? 'Running' : 'Pending';
  }

  #conditions(before: Condition[]): Condition[] {
    const unready = this.#runners
      .filter(({ status }) => !status.ready)
      .map(({ container }) => container.name);
    const ready = unready.length === 0;
    const unreadyReason = {
      reason: 'ContainersNotReady',
      message: `containers with unready status: [${unready.join(' ')}]`,
    };
    const reason = ready ? {} : unreadyReason;
    const next: Condition[] = [
      { type: 'PodReadyToStartContainers', status: 'True' },
      { type: 'Initialized', status: this.#initialized || this.#initRunners.length === 0 ? 'True' : 'False' },
      { type: 'Ready', status: ready ? 'True' : 'False', ...reason },
      { type: 'ContainersReady', status: ready ? 'True' : 'False', ...reason },
    ];
    return next.reduce(setCondition, before);
  }

  #host(isInit: boolean): ContainerHost {
    const { tree, address, prepare, changed, event } = this.#options;
    const { restartPolicy } = this.#pod.spec;
    return {
      tree,
      cgroup: this.cgroup,
      address,
      logDirectory: this.#logDirectory,
      restartPolicy: isInit && restartPolicy === 'Always' ? 'OnFailure' : restartPolicy,
      prepare: (container) => prepare(this.#pod, container),
      changed,
      event,
    };
  }
}

/** CPU of all containers together; without a limit if one of them has none. */
export function sumOf(all: readonly CpuLimits[]): CpuLimits {
  const limits = all.flatMap(({ limit }) => limit ?? []);
  return {
    request: all.reduce((sum, { request }) => sum + request, 0),
    limit: limits.length === all.length ? limits.reduce((sum, limit) => sum + limit, 0) : undefined,
  };
}
