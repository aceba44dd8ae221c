import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Probes, ProgramStatus, Snapshot } from 'bpf-linker-napi';
import { errorMessage } from '../common/errors.js';
import type { Logger } from '../common/log.js';
import { CgroupTree } from './cgroups/tree.js';
import { Condenser } from './series/limit.js';
import { ContainerTable, type ContainerPolicy } from './series/containers.js';
import { TRAILERS, type Format } from './exposition/format.js';
import type { ContainerSeries } from './series/families.js';
import type { PodIdentity } from './identity/pods.js';
import { ProbeCosts } from './probe-costs.js';
import { renderContainers, type RenderOptions } from './series/render.js';
import { SelfMetrics, type Stage } from './self-metrics.js';
import type { Source } from './identity/source.js';

export interface ExporterOptions {
  /** Opened with `cgroupEvents`. */
  readonly probes: Pick<
    Probes,
    'programs' | 'blockIoAttribution' | 'track' | 'untrack' | 'read' | 'measure' | 'followCgroups'
  >;
  /** What became of the BPF programs that take profiles; none where profiles are off. */
  readonly profilePrograms: readonly ProgramStatus[];
  readonly bounds: RenderOptions['bounds'];
  /** Everything there is, in place of at most 80 lines per container. */
  readonly detail: boolean;
  /** Where cgroup2 is mounted. */
  readonly cgroupRoot: string;
  readonly source: Source;
  readonly policy: ContainerPolicy;
  readonly version: string;
  readonly log: Logger;
}

/** What changes with time alone is looked at this often, beside each scrape. */
const TICK_MS = 10_000;
/** Dead containers give back their slots this long after their end: a machine that makes many needs them. */
const RETIRE_MS = 1000;
/** Without both of them, nothing is told of some of the cgroups. */
const CGROUP_PROGRAMS = ['cgroup_created', 'cgroup_removed'];
/** The kernel's bucket counters are 32 bits wide: they are read often enough to see them wrap. */
const READ_AT_LEAST_SECONDS = 60;

/** Keeps containers, pods and kernel slots in step, and turns a snapshot into an exposition. */
export class Exporter {
  readonly #table: ContainerTable;
  readonly #tree: CgroupTree;
  readonly #costs: ProbeCosts;
  readonly #self: SelfMetrics;
  readonly #condenser = new Condenser();
  readonly #attached: ReadonlySet<string>;
  readonly #tick: NodeJS.Timeout;
  #retire: NodeJS.Timeout | undefined;
  #drops: Snapshot['drops'] = {};
  #pods: ReadonlyMap<string, PodIdentity> = new Map();
  #lastRead = 0;

  constructor(private readonly options: ExporterOptions) {
    const { probes, source, policy, version, log, cgroupRoot } = options;
    this.#attached = new Set(
      probes.programs.filter(({ attached }) => attached).map(({ program }) => program),
    );
    this.#table = new ContainerTable(probes, policy);
    const told = CGROUP_PROGRAMS.every((program) => this.#attached.has(program)) ? probes : undefined;
    this.#tree = new CgroupTree(cgroupRoot, source.parse, told, log, () => {
      this.#keepInStep();
    });
    this.#costs = new ProbeCosts(probes, log);
    this.#self = new SelfMetrics(version, () => ({
      containers: this.#table.counts(),
      podsKnown: this.#pods.size,
      watchRestarts: source.restarts,
      programs: this.programs,
      blockIoAttribution: probes.blockIoAttribution,
      drops: this.#drops,
      costs: this.#costs.totals,
    }));
    this.#tick = setInterval(() => {
      this.#keepInStep();
    }, TICK_MS);
    this.#refresh();
  }

  /** Probes are attached and what runs on this node is known: what is served from now on is complete. */
  get ready(): boolean {
    return this.options.source.hasSynced;
  }

  /** All BPF programs, of the probes and of profiles. */
  get programs(): readonly ProgramStatus[] {
    return [...this.options.probes.programs, ...this.options.profilePrograms];
  }

  /**
   * Reads the kernel now, and renders in pieces between which other work of the process gets its turn. A piece is valid
   * until the next is asked for.
   *
   * @throws NativeError when the maps cannot be read
   */
  scrape(format: Format): AsyncGenerator<Uint8Array> {
    this.#refresh();
    const snapshot = this.#timed('read', () => this.#read());
    const series = this.#timed('join', () => this.#table.series(snapshot, now()));
    return this.#render(series, format);
  }

  /** Names of a pod's running containers by their cgroups. @param container - one of them; all by default */
  cgroupsOf(namespace: string, pod: string, container?: string): ReadonlyMap<bigint, string> {
    return this.#table.cgroupsOf(namespace, pod, container);
  }

  /** Stops following cgroups; the caller closes the probes and the watch. */
  close(): void {
    clearInterval(this.#tick);
    clearTimeout(this.#retire);
    this.#costs.close();
    this.#tree.close();
  }

  async *#render(series: readonly ContainerSeries[], format: Format): AsyncGenerator<Uint8Array> {
    let busy = 0;
    let resumed = now();
    for (const piece of this.#pieces(series, format)) {
      busy += now() - resumed;
      if (piece.length > 0) yield piece;
      await nextTurn();
      resumed = now();
    }
    this.#self.observeStage('render', busy);
    yield await this.#self.render(format);
    yield TRAILERS[format];
  }

  /** The containers' families; an empty piece tells that time has passed. */
  *#pieces(series: readonly ContainerSeries[], format: Format): Generator<Uint8Array> {
    const { bounds, detail } = this.options;
    const exposed = detail ? series : yield* this.#condenser.condense(series, now());
    yield* renderContainers(exposed, { programs: this.#attached, bounds, detail }, format);
  }

  #refresh(): void {
    const pods = this.options.source.identities(this.#tree.containers);
    if (pods !== this.#pods) {
      this.#table.setPods(pods, now());
      this.#pods = pods;
    }
    this.#table.observe(this.#tree.containers, now());
  }

  /** Also when nobody scrapes. */
  #keepInStep(): void {
    this.#attempt(() => {
      this.#refresh();
      const due = now() - this.#lastRead >= READ_AT_LEAST_SECONDS;
      if (this.#table.hasEnded || due) this.#retireSoon();
    });
  }

  #retireSoon(): void {
    this.#retire ??= setTimeout(() => {
      this.#retire = undefined;
      this.#attempt(() => {
        this.#table.retire(this.#read(), now());
      });
    }, RETIRE_MS);
  }

  #attempt(work: () => void): void {
    try {
      work();
    } catch (error) {
      this.options.log.error({ error: errorMessage(error) }, 'cannot follow containers');
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

/** Seconds on a clock that only goes forward. */
function now(): number {
  return performance.now() / 1000;
}
