import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Probes, ProgramStatus, Snapshot, State } from 'bpf-linker-napi';
import { errorMessage } from '../common/errors.js';
import type { Logger } from '../common/log.js';
import { monotonic as now } from '../common/monotonic.js';
import { CgroupTree } from './cgroups/tree.js';
import { TRAILERS, type Format } from './exposition/format.js';
import type { PodIdentity, Source } from './identity/source.js';
import type { Reduced } from './reduced.js';
import { ProbeCosts, SelfMetrics, type Stage } from './self-metrics.js';
import { Busiest, type Busy } from './series/busiest.js';
import { ContainerTable, type ContainerPolicy, type Tracker } from './series/containers.js';
import type { ContainerSeries } from './series/counters.js';
import { SeriesLimiter } from './series/limit.js';
import { renderContainers, type RenderOptions } from './series/render.js';
import { Starvation } from './series/starvation.js';

/** What the exporter uses of the probes. */
export interface ExporterProbes
  extends
    Tracker,
    Pick<
      Probes,
      'programs' | 'blockIoAttribution' | 'countStarvation' | 'read' | 'measure' | 'followCgroups'
    > {}

export interface ExporterOptions {
  /** Opened with `cgroupEvents`. */
  readonly probes: ExporterProbes;
  /** Undefined while BPF programs run. */
  readonly reduced?: Reduced | undefined;
  /** Status of the BPF programs that take profiles; empty while profiles are off. */
  readonly profilePrograms: readonly ProgramStatus[];
  readonly bounds: RenderOptions['bounds'];
  /** Exports everything instead of at most 128 lines per container. */
  readonly detail: boolean;
  /** Mount point of cgroup2. */
  readonly cgroupRoot: string;
  readonly source: Source;
  readonly policy: ContainerPolicy;
  readonly version: string;
  readonly log: Logger;
}

/** Interval of updates that depend on time alone, in addition to each scrape. */
const TICK_MS = 10_000;
/** Delay after which ended containers free their slots, which a node that starts many containers needs soon. */
const TERMINATE_MS = 1000;
/** The kernel reports every cgroup only if both programs are attached. */
const CGROUP_PROGRAMS = ['cgroup_created', 'cgroup_removed'];
/** Longest time between two reads. The kernel's bucket counters have 32 bits, and a wrap must not go unseen. */
const MAX_READ_AGE_SECONDS = 60;

/** Reconciles containers, pods and kernel slots, and renders snapshots. */
export class Exporter {
  readonly #table: ContainerTable;
  readonly #tree: CgroupTree;
  readonly #costs: ProbeCosts;
  readonly #self: SelfMetrics;
  readonly #limiter = new SeriesLimiter();
  readonly #busiest = new Busiest();
  readonly #attached: ReadonlySet<string>;
  readonly #tick: NodeJS.Timeout;
  #termination: NodeJS.Timeout | undefined;
  #drops: Snapshot['drops'] = {};
  #pods: ReadonlyMap<string, PodIdentity> = new Map();
  #lastRead = 0;

  constructor(private readonly options: ExporterOptions) {
    const { probes, source, policy, version, log, cgroupRoot } = options;
    this.#attached = new Set(
      probes.programs.filter(({ attached }) => attached).map(({ program }) => program),
    );
    this.#table = new ContainerTable(
      probes,
      policy,
      new Starvation(cgroupRoot, probes),
      options.reduced?.reason,
    );
    const events = CGROUP_PROGRAMS.every((program) => this.#attached.has(program)) ? probes : undefined;
    this.#tree = new CgroupTree(cgroupRoot, source.parse, events, log, () => {
      this.#reconcile();
    });
    this.#costs = new ProbeCosts(probes, log);
    this.#self = new SelfMetrics(version, () => ({
      containers: this.#table.counts(),
      podsKnown: this.#pods.size,
      watchRestarts: source.restarts,
      programs: this.programs,
      reduced: this.reduced,
      blockIoAttribution: probes.blockIoAttribution,
      drops: this.#drops,
      costs: this.#costs.totals,
    }));
    this.#tick = setInterval(() => {
      this.#reconcile();
    }, TICK_MS);
    this.#refresh();
  }

  /** True once the containers of this node are known: every scrape from then on is complete. */
  get ready(): boolean {
    return this.options.source.hasSynced;
  }

  /** Why it runs in reduced mode; undefined while BPF programs run. */
  get reduced(): Reduced | undefined {
    return this.options.reduced;
  }

  /** All BPF programs, of the probes and of profiles. */
  get programs(): readonly ProgramStatus[] {
    return [...this.options.probes.programs, ...this.options.profilePrograms];
  }

  /**
   * Reads the kernel now, and renders in pieces between which other work of the process gets its turn. A piece is valid
   * until the next is requested.
   *
   * @param names metrics to render, by their names in the text format; all by default
   * @throws NativeError when the maps cannot be read
   */
  scrape(format: Format, names?: ReadonlySet<string>): AsyncGenerator<Uint8Array> {
    this.#refresh();
    const snapshot = this.#timed('read', () => this.#read());
    const series = this.#timed('join', () => this.#table.series(snapshot, now()));
    this.#busiest.observe(series, now());
    return this.#render(series, format, names);
  }

  /** Returns up to `count` workloads with most threads in each state, between the last two scrapes. */
  busiest(count: number): ReadonlyMap<State, readonly Busy[]> {
    return this.#busiest.top(count);
  }

  /** Returns the names of a pod's running containers by cgroup. @param container - one of them; all by default */
  cgroupsOf(namespace: string, pod: string, container?: string): ReadonlyMap<bigint, string> {
    return this.#table.cgroupsOf(namespace, pod, container);
  }

  /** Stops following cgroups; the caller closes the probes and the watch. */
  close(): void {
    clearInterval(this.#tick);
    clearTimeout(this.#termination);
    this.#costs.close();
    this.#tree.close();
  }

  async *#render(
    series: readonly ContainerSeries[],
    format: Format,
    names: ReadonlySet<string> | undefined,
  ): AsyncGenerator<Uint8Array> {
    let busy = 0;
    let resumed = now();
    for (const piece of this.#pieces(series, format, names)) {
      busy += now() - resumed;
      if (piece.length > 0) yield piece;
      await nextTurn();
      resumed = now();
    }
    this.#self.observeStage('render', busy);
    yield await this.#self.render(format, names);
    yield TRAILERS[format];
  }

  /** Renders the containers' families; an empty piece only gives other work its turn. */
  *#pieces(
    series: readonly ContainerSeries[],
    format: Format,
    names: ReadonlySet<string> | undefined,
  ): Generator<Uint8Array> {
    const { bounds, detail } = this.options;
    const exposed = detail ? series : yield* this.#limiter.limit(series, now());
    yield* renderContainers(exposed, { programs: this.#attached, bounds, detail, names }, format);
  }

  #refresh(): void {
    const pods = this.options.source.identities(this.#tree.containers);
    if (pods !== this.#pods) {
      this.#table.setPods(pods, now());
      this.#pods = pods;
    }
    this.#table.observe(this.#tree.containers, now());
  }

  /** Runs without scrapes, too. */
  #reconcile(): void {
    this.#attempt(() => {
      this.#refresh();
      const due = now() - this.#lastRead >= MAX_READ_AGE_SECONDS;
      if (this.#table.hasEnded || due) this.#terminateSoon();
    });
  }

  #terminateSoon(): void {
    this.#termination ??= setTimeout(() => {
      this.#termination = undefined;
      this.#attempt(() => {
        this.#table.terminate(this.#read(), now());
      });
    }, TERMINATE_MS);
  }

  #attempt(work: () => void): void {
    try {
      work();
    } catch (error) {
      this.options.log.error({ error: errorMessage(error) }, 'cannot update containers');
    }
  }

  #read(): Snapshot {
    const snapshot = this.options.probes.read();
    this.#lastRead = now();
    this.#drops = snapshot.drops;
    return snapshot;
  }

  #timed<T>(stage: Stage, work: () => T): T {
    const start = now();
    try {
      return work();
    } finally {
      this.#self.observeStage(stage, now() - start);
    }
  }
}
