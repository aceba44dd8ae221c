import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { eventually } from '../eventually.js';
import type { RunningScaler } from '../prometheus/running-scaler.js';
import { rule, ScalerHarness, shop } from '../prometheus/scaler-harness.js';
import { FaultProxy, type Fault } from './fault-proxy.js';

/** Seconds for which a fault lasts, and within which its cause must be named. */
const LASTS = 10;
/** Seconds after which the scaler counts as stuck. */
const STUCK = 60;
const POLL_MS = 200;
/** Seconds without a change after which the size is steady: a window and a stabilization window. */
const SETTLED = 7;

/** The two loads, in turns, with the pods that each needs: cores ÷ (70 % of 0.2). One pod less is beyond the tolerance. */
const LOADS = [
  { cores: 0.5, pods: 4 },
  { cores: 1.1, pods: 8 },
] as const;

const RULES = {
  groups: [
    {
      name: 'shop',
      interval: '1s',
      window: '4s',
      signals: { cpu: { maxAge: '3s' } },
      rules: [rule('web')],
    },
  ],
};

export type Dependency = 'Prometheus' | 'API server' | 'exporter' | 'rule file' | 'scaler';

export interface Case {
  readonly dependency: Dependency;
  readonly fault: Fault | 'down at start' | 'garbage' | 'emptied' | 'deleted' | 'killed';
  /** What must be said of it; undefined where nobody is left to say it. */
  readonly named: RegExp | undefined;
  /** Seconds; default: 10. */
  readonly lasts?: number;
}

export interface Result extends Pick<Case, 'dependency' | 'fault'> {
  /** Changes of replicas while the fault lasted: the load did not change. */
  readonly wrong: number;
  /** Seconds until the cause was named, and the words; undefined if it was not. */
  readonly named: { readonly after: number; readonly text: string } | undefined;
  /** Seconds from the end of the fault, and a change of the load, to the right size; undefined if it was not reached. */
  readonly recovered: number | undefined;
  /** Resident memory of the scaler afterwards, MiB. */
  readonly memory: number;
}

/** The real scaler, a real Prometheus and a stand-in API server, with a proxy before each of them. */
export class Drill {
  readonly #harness = new ScalerHarness();
  readonly #proxies = {
    Prometheus: new FaultProxy(() => Number(new URL(this.#harness.prometheusUrl).port)),
    'API server': new FaultProxy(() => this.#apiPort),
    exporter: new FaultProxy(() => this.#harness.metrics.port),
  };
  #apiPort = 0;
  #load = 0;
  #scaler!: RunningScaler;

  async start(): Promise<void> {
    const { Prometheus, exporter } = this.#proxies;
    await exporter.start();
    this.#dictate(this.#right);
    await this.#harness.start(shop({ web: this.#right }), exporter.port);
    await Prometheus.start();
    const kubeconfig = await this.#kubeconfig();
    this.#scaler = await this.#harness.startScaler(
      'drill',
      RULES,
      `--prometheus.url=http://127.0.0.1:${Prometheus.port}`,
      `--kubernetes.kubeconfig=${kubeconfig}`,
      '--restore.range=0s',
    );
    await this.#scaler.untilDecision('web', ({ trace }) =>
      trace.inputs.some(({ value }) => value !== undefined),
    );
  }

  async stop(): Promise<void> {
    await this.#harness.stop();
    for (const proxy of Object.values(this.#proxies)) await proxy.stop();
  }

  async play({ dependency, fault, named, lasts = LASTS }: Case): Promise<Result> {
    await this.#settled();
    const old = new Set(await this.#words());
    const began = performance.now();
    await this.#begin(dependency, fault);
    let [wrong, said] = [0, undefined as Result['named']];
    let last = this.#right;
    while (secondsSince(began) < lasts) {
      const replicas = await this.#replicas();
      if (replicas !== last) wrong++;
      last = replicas;
      const news = said || !named ? [] : (await this.#words()).filter((one) => !old.has(one));
      const text = news.find((one) => named!.test(one));
      if (text !== undefined) said = { after: secondsSince(began), text };
      await sleep(POLL_MS);
    }
    await this.#end(dependency);
    const recovered = await this.#recover();
    return { dependency, fault, wrong, named: said, recovered, memory: this.#memory() };
  }

  async #begin(dependency: Dependency, fault: Case['fault']): Promise<void> {
    if (dependency === 'scaler') return this.#scaler.kill();
    if (dependency === 'rule file') {
      if (fault === 'deleted') rmSync(this.#scaler.rulesFile);
      else writeFileSync(this.#scaler.rulesFile, fault === 'emptied' ? '' : 'groups: [');
      return;
    }
    if (fault !== 'down at start') return this.#proxies[dependency].use(fault as Fault);
    await this.#scaler.kill();
    await this.#proxies[dependency].use('down');
    this.#scaler.launch();
  }

  async #end(dependency: Dependency): Promise<void> {
    if (dependency === 'scaler') this.#scaler.launch();
    else if (dependency === 'rule file') writeFileSync(this.#scaler.rulesFile, this.#rules);
    else await this.#proxies[dependency].use(undefined);
  }

  /** Changes the load; returns the seconds until the replicas suit it. */
  async #recover(): Promise<number | undefined> {
    const began = performance.now();
    this.#load = 1 - this.#load;
    const isRight = async () => (await this.#replicas()) === this.#right;
    return eventually('the right size', isRight, STUCK * 1000).then(
      () => secondsSince(began),
      () => undefined,
    );
  }

  /** Waits until the replicas have been right for longer than a window. */
  async #settled(): Promise<void> {
    let since = performance.now();
    await eventually(
      'a steady size',
      async () => {
        if ((await this.#replicas()) !== this.#right) since = performance.now();
        return secondsSince(since) >= SETTLED;
      },
      STUCK * 1000,
    );
  }

  /** The replicas now, all of which the exporter measures from here on. */
  async #replicas(): Promise<number> {
    const pods = await this.#harness.replicas('web');
    this.#dictate(pods);
    return pods;
  }

  get #right(): number {
    return LOADS[this.#load]!.pods;
  }

  /** @param pods that there are */
  #dictate(pods: number): void {
    const { cores } = LOADS[this.#load]!;
    this.#harness.metrics.workloads.set('web', { pods, request: 0.2, states: { oncpu: cores, idle: 4 } });
  }

  /** Whatever the scaler says: its problems, its decision, its log. */
  async #words(): Promise<string[]> {
    const response = await fetch(`${this.#scaler.url}/api/v1/decisions`).catch(() => undefined);
    const body = response?.ok
      ? ((await response.json()) as { status: { problems: string[] }; decisions: { reason: string }[] })
      : undefined;
    const log = this.#scaler
      .log()
      .split('\n')
      .filter((line) => / level=(warn|error) /.test(` ${line}`));
    return [...(body?.status.problems ?? []), ...(body?.decisions ?? []).map(({ reason }) => reason), ...log];
  }

  #memory(): number {
    const status = readFileSync(`/proc/${this.#scaler.pid}/status`, 'utf8');
    return Math.round(Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1] ?? NaN) / 1024);
  }

  get #rules(): string {
    return JSON.stringify(RULES);
  }

  /** A kubeconfig that leads through the proxy. */
  async #kubeconfig(): Promise<string> {
    const text = readFileSync(this.#harness.cluster.kubeconfigPath, 'utf8');
    const [, port = ''] = /server: https:\/\/[^:\s]+:(\d+)/.exec(text) ?? [];
    this.#apiPort = Number(port);
    const proxy = this.#proxies['API server'];
    await proxy.start();
    const file = join(this.#harness.directory, 'drill.kubeconfig');
    writeFileSync(file, text.replace(`:${port}`, `:${proxy.port}`), { mode: 0o600 });
    return file;
  }
}

function secondsSince(began: number): number {
  return (performance.now() - began) / 1000;
}
