import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { eventually } from '../eventually.js';
import type { RunningScaler } from '../prometheus/running-scaler.js';
import { rule, ScalerHarness, shop } from '../prometheus/scaler-harness.js';
import { FaultProxy, type Fault } from './fault-proxy.js';
import { Surroundings } from './surroundings.js';

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

/** Seconds by which the scaler's clock is ahead. */
const CLOCK_FAULTS: Readonly<Record<string, number>> = {
  'an hour back': -3600,
  'a minute back': -60,
  'an hour ahead': 3600,
};

type Server = 'Prometheus' | 'API server' | 'exporter';
export type Dependency = Server | 'name server' | 'disk' | 'clock' | 'rule file' | 'scaler' | 'leader';

export interface Case {
  readonly dependency: Dependency;
  readonly fault: string;
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

/** Brings faults of one dependency about, and ends them. */
interface Injector {
  begin(fault: string): Promise<void> | void;
  end(fault: string): Promise<void> | void;
}

/** The real scaler, a real Prometheus and a stand-in API server, with a proxy before each of them. */
export class Drill {
  readonly #harness = new ScalerHarness();
  readonly #proxies: Readonly<Record<Server, FaultProxy>> = {
    Prometheus: new FaultProxy(() => Number(new URL(this.#harness.prometheusUrl).port)),
    'API server': new FaultProxy(() => this.#apiPort),
    exporter: new FaultProxy(() => this.#harness.metrics.port),
  };
  readonly #injectors: Readonly<Record<Dependency, Injector>> = {
    Prometheus: this.#server('Prometheus'),
    'API server': this.#server('API server'),
    exporter: this.#server('exporter'),
    'name server': {
      begin: async (fault) => {
        this.#surroundings.names = fault as 'unknown name' | 'hangs';
        // An open connection needs no name.
        await this.#proxies.Prometheus.use(undefined);
      },
      end: () => {
        this.#surroundings.names = undefined;
      },
    },
    disk: {
      begin: () => {
        this.#surroundings.fillDisk(this.#scaler.pid);
      },
      end: () => {
        this.#surroundings.emptyDisk(this.#scaler.pid);
      },
    },
    clock: {
      begin: (fault) => {
        this.#surroundings.setClock(CLOCK_FAULTS[fault]!);
      },
      end: () => {
        this.#surroundings.setClock(0);
      },
    },
    'rule file': {
      begin: (fault) => {
        if (fault === 'deleted') rmSync(this.#scaler.rulesFile);
        else writeFileSync(this.#scaler.rulesFile, fault === 'emptied' ? '' : 'groups: [');
      },
      end: () => {
        writeFileSync(this.#scaler.rulesFile, this.#rules);
      },
    },
    scaler: { begin: () => this.#scaler.kill(), end: () => void this.#scaler.launch() },
    leader: {
      begin: async (fault) => {
        await this.#findLeader();
        this.#scaler.signal(fault === 'paused' ? 'SIGSTOP' : 'SIGKILL');
      },
      end: (fault) => {
        if (fault === 'paused') this.#scaler.signal('SIGCONT');
        else this.#scaler.launch();
      },
    },
  };
  #surroundings!: Surroundings;
  #apiPort = 0;
  #load = 0;
  /** All that run; faults are those of `#scaler`, which is the one that leads. */
  readonly #scalers: RunningScaler[] = [];
  #scaler!: RunningScaler;

  /** @param replicas of the scaler; of several, one leads */
  constructor(private readonly replicas = 1) {}

  async start(): Promise<void> {
    const { Prometheus, exporter } = this.#proxies;
    await exporter.start();
    this.#dictate(this.#right);
    await this.#harness.start(shop({ web: this.#right }), exporter.port);
    await Prometheus.start();
    await this.#surround();
    const kubeconfig = await this.#kubeconfig();
    for (let index = 1; index <= this.replicas; index++) {
      this.#scaler = await this.#harness.startScaler(
        `drill-${index}`,
        RULES,
        `--prometheus.url=http://prometheus.drill.test:${Prometheus.port}`,
        `--kubernetes.kubeconfig=${kubeconfig}`,
        `--history.file=${this.#surroundings.disk}/history.json`,
        '--restore.range=0s',
        ...(this.replicas > 1 ? ['--leader-elect', '--leader-elect.namespace=shop'] : []),
      );
      this.#scalers.push(this.#scaler);
      await this.#scaler.untilDecision('web', ({ trace }) =>
        trace.inputs.some(({ value }) => value !== undefined),
      );
    }
  }

  async stop(): Promise<void> {
    await this.#harness.stop();
    await (this.#surroundings as Surroundings | undefined)?.stop();
    for (const proxy of Object.values(this.#proxies)) await proxy.stop();
  }

  async play({ dependency, fault, named, lasts = LASTS }: Case): Promise<Result> {
    await this.#settled();
    const old = new Set(await this.#words());
    const began = performance.now();
    await this.#injectors[dependency].begin(fault);
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
    await this.#injectors[dependency].end(fault);
    const recovered = await this.#recover();
    return { dependency, fault, wrong, named: said, recovered, memory: this.#memory() };
  }

  /** The faults of a server, seen through the proxy before it. */
  #server(name: Server): Injector {
    return {
      begin: async (fault) => {
        if (fault !== 'down at start') return this.#proxies[name].use(fault as Fault);
        await this.#scaler.kill();
        await this.#proxies[name].use('down');
        this.#scaler.launch();
      },
      end: () => this.#proxies[name].use(undefined),
    };
  }

  async #surround(): Promise<void> {
    const directory = join(this.#harness.directory, 'surroundings');
    mkdirSync(directory);
    this.#surroundings = new Surroundings(directory);
    await this.#surroundings.start();
    this.#harness.around = this.#surroundings.around;
  }

  async #findLeader(): Promise<void> {
    await eventually('a leader', async () => {
      for (const scaler of this.#scalers)
        if ((await scaler.decisions())?.status.leader) {
          this.#scaler = scaler;
          return true;
        }
      return false;
    });
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
    const body = await this.#scaler.decisions();
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
