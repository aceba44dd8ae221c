import { randomBytes } from 'node:crypto';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { errorMessage } from '../../../common/errors.js';
import { timestamp } from '../objects/meta.js';
import type { Container, ContainerState, ContainerStatus, Terminated } from '../objects/pod.js';
import { parseQuantity } from '../../../common/quantity.js';
import { containerScope, type CgroupTree, type CpuLimits } from './cgroup.js';
import { StartError } from './environment.js';
import { launch, type Exit, type Launched } from './launch.js';
import { runProbe, type ProbeResult, type ProbeTarget } from './probe.js';

/** As the kubelet: the first restart at once, then after 10 s, doubled up to 5 min, reset after a run of 10 min. */
const FIRST_BACKOFF_SECONDS = 10;
const MAX_BACKOFF_SECONDS = 300;
const HEALTHY_SECONDS = 600;

/** The pod as its containers see it. */
export interface ContainerHost {
  tree: CgroupTree;
  /** The pod's cgroup, relative to the tree. */
  cgroup: string;
  address: string;
  logDirectory: string;
  restartPolicy: 'Always' | 'OnFailure' | 'Never';
  /** Returns command, environment and working directory. @throws StartError */
  prepare(container: Container): { command: string[]; env: Record<string, string>; cwd: string };
  changed: () => void;
  event: (type: 'Normal' | 'Warning', reason: string, message: string) => void;
}

/** One container of a pod: runs its process, restarts it with back-off, probes it, and reports its status. */
export class ContainerRunner {
  readonly #host: ContainerHost;
  readonly #stop = new AbortController();
  #state: ContainerState = { waiting: { reason: 'ContainerCreating' } };
  #lastState: ContainerState = {};
  #starts = 0;
  #ready = false;
  #started = false;
  #id: string | undefined;
  #process: Launched | undefined;

  constructor(
    host: ContainerHost,
    readonly container: Container,
    /** Init containers are not restarted after success, and have no probes. */
    readonly isInit = false,
  ) {
    this.#host = host;
  }

  get status(): ContainerStatus {
    const { name, image } = this.container;
    return {
      name,
      image,
      imageID: `standin/${image}`,
      ...(this.#id !== undefined && { containerID: `containerd://${this.#id}` }),
      ready: this.#ready,
      started: this.#started,
      restartCount: Math.max(0, this.#starts - 1),
      state: this.#state,
      lastState: this.#lastState,
    };
  }

  /** Path of the log of the current or previous run. */
  logPath(previous = false): string | undefined {
    const run = this.#starts - (previous ? 2 : 1);
    return run < 0 ? undefined : this.#logOfRun(run);
  }

  /** Runs the container until it is stopped or must not restart. */
  async run(): Promise<void> {
    let backoff = 0;
    while (!this.#isStopping()) {
      const begun = Date.now();
      const exit = await this.#runOnce();
      if (this.#isStopping() || (exit && !this.#shouldRestart(exit))) return;
      if (Date.now() - begun > HEALTHY_SECONDS * 1000) backoff = 0;
      if (backoff > 0 || !exit) await this.#backOff(Math.max(backoff, FIRST_BACKOFF_SECONDS));
      backoff = backoff === 0 ? FIRST_BACKOFF_SECONDS : Math.min(backoff * 2, MAX_BACKOFF_SECONDS);
    }
  }

  /** Sends SIGTERM; no restart follows. */
  terminate(): void {
    this.#stop.abort();
    if (!this.#process) return;
    this.#host.event('Normal', 'Killing', `Stopping container ${this.container.name}`);
    this.#process.kill('SIGTERM');
  }

  /** Reports the container as waiting for the pod's init containers. */
  showWaiting(reason: string): void {
    this.#state = { waiting: { reason } };
  }

  #isStopping(): boolean {
    return this.#stop.signal.aborted;
  }

  #logOfRun(run: number): string {
    return path.join(this.#host.logDirectory, `${this.container.name}.${run}.log`);
  }

  #shouldRestart({ exitCode }: Exit): boolean {
    if (this.isInit && exitCode === 0) return false;
    const { restartPolicy } = this.#host;
    return restartPolicy === 'OnFailure' ? exitCode !== 0 : restartPolicy === 'Always';
  }

  /** Runs the process once. @returns undefined if it cannot start */
  async #runOnce(): Promise<Exit | undefined> {
    const { tree, cgroup } = this.#host;
    const id = randomBytes(32).toString('hex');
    const scope = `${cgroup}/${containerScope(id)}`;
    try {
      const plan = this.#host.prepare(this.container);
      tree.create(scope);
      tree.limit(scope, cpuOf(this.container));
      this.#process = await launch({
        ...plan,
        procsFiles: tree.procsFiles(scope),
        logPath: this.#logOfRun(this.#starts),
      });
    } catch (error) {
      this.#cannotStart(error);
      await tree.remove(scope);
      return undefined;
    }
    this.#begin(id);
    const probes = new AbortController();
    const probing = this.#probe(scope, probes.signal);
    const exit = await this.#process.exited;
    probes.abort();
    await probing;
    this.#end(exit, id);
    tree.kill(scope);
    await tree.remove(scope);
    return exit;
  }

  #cannotStart(error: unknown): void {
    const reason = error instanceof StartError ? error.reason : 'RunContainerError';
    this.#state = { waiting: { reason, message: errorMessage(error) } };
    this.#host.event('Warning', 'Failed', `Error: ${reason}: ${errorMessage(error)}`);
    this.#host.changed();
  }

  #begin(id: string): void {
    const { name, readinessProbe, startupProbe } = this.container;
    if (this.#state.terminated) this.#lastState = this.#state;
    this.#id = id;
    this.#starts += 1;
    this.#state = { running: { startedAt: timestamp() } };
    this.#started = !startupProbe;
    this.#ready = !this.isInit && !readinessProbe && this.#started;
    this.#host.event('Normal', 'Started', `Started container ${name}`);
    this.#host.changed();
    if (this.#isStopping()) this.#process!.kill('SIGTERM');
  }

  #end({ exitCode, signal }: Exit, id: string): void {
    const terminated: Terminated = {
      exitCode,
      ...(signal !== undefined && { signal }),
      reason: exitCode === 0 ? 'Completed' : 'Error',
      startedAt: this.#state.running?.startedAt ?? timestamp(),
      finishedAt: timestamp(),
      containerID: `containerd://${id}`,
    };
    this.#process = undefined;
    this.#state = { terminated };
    this.#started = false;
    this.#ready = this.isInit && exitCode === 0;
    this.#host.changed();
  }

  async #backOff(seconds: number): Promise<void> {
    const { name } = this.container;
    const { terminated, waiting } = this.#state;
    if (terminated) this.#lastState = { terminated };
    const message = `back-off ${seconds}s restarting failed container=${name}`;
    const reason =
      waiting?.reason === 'ErrImagePull' ? 'ImagePullBackOff' : (waiting?.reason ?? 'CrashLoopBackOff');
    this.#state = { waiting: { reason, message: waiting?.message ?? message } };
    this.#host.event('Warning', 'BackOff', `Back-off restarting failed container ${name}`);
    this.#host.changed();
    await sleep(seconds * 1000, undefined, { signal: this.#stop.signal, ref: false }).catch(() => undefined);
  }

  async #probe(scope: string, signal: AbortSignal): Promise<void> {
    if (this.isInit) return;
    const { startupProbe, livenessProbe, readinessProbe } = this.container;
    const target = this.#target(scope);
    if (startupProbe && !(await this.#passStartup(target, signal))) return;
    const killed = (ok: boolean): void => {
      if (!ok) this.#restart('liveness');
    };
    await Promise.all([
      readinessProbe &&
        runProbe(readinessProbe, target, this.#listeners('Readiness', this.#setReady), signal),
      livenessProbe && runProbe(livenessProbe, target, this.#listeners('Liveness', killed), signal),
    ]);
  }

  /** Waits until the startup probe has passed once; the other probes start then. */
  async #passStartup(target: ProbeTarget, signal: AbortSignal): Promise<boolean> {
    const done = new AbortController();
    const onChange = (ok: boolean): void => {
      done.abort();
      this.#started = ok;
      if (!ok) this.#restart('startup');
      else if (!this.container.readinessProbe) this.#setReady(true);
    };
    const either = AbortSignal.any([signal, done.signal]);
    await runProbe(this.container.startupProbe!, target, this.#listeners('Startup', onChange), either);
    return this.#started && !signal.aborted;
  }

  #listeners(
    kind: string,
    onChange: (ok: boolean) => void,
  ): { onChange(ok: boolean): void; onFailure(message: string): void } {
    const onFailure = (message: string): void => {
      this.#host.event('Warning', 'Unhealthy', `${kind} probe failed: ${message}`);
    };
    return { onChange, onFailure };
  }

  readonly #setReady = (ok: boolean): void => {
    this.#ready = ok;
    this.#host.changed();
  };

  #restart(probe: string): void {
    const { name } = this.container;
    this.#host.event('Normal', 'Killing', `Container ${name} failed ${probe} probe, will be restarted`);
    this.#process?.kill('SIGKILL');
  }

  #target(scope: string): ProbeTarget {
    const { container } = this;
    const { address } = this.#host;
    return { container, address, execute: (command, seconds) => this.#execute(scope, command, seconds) };
  }

  async #execute(scope: string, command: readonly string[], timeoutSeconds: number): Promise<ProbeResult> {
    const plan = this.#host.prepare({ ...this.container, command: [...command], args: [] });
    const procsFiles = this.#host.tree.procsFiles(scope);
    const running = await launch({ ...plan, procsFiles, logPath: this.#logOfRun(this.#starts - 1) });
    const timer = setTimeout(() => {
      running.kill('SIGKILL');
    }, timeoutSeconds * 1000);
    const { exitCode } = await running.exited;
    clearTimeout(timer);
    return { ok: exitCode === 0, message: `command exited with ${exitCode}` };
  }
}

/** CPU request and limit of a container, in cores. */
export function cpuOf({ resources: { requests, limits } }: Container): CpuLimits {
  const limit = limits?.['cpu'];
  return {
    request: parseQuantity(requests?.['cpu'] ?? '0'),
    limit: limit === undefined ? undefined : parseQuantity(limit),
  };
}
