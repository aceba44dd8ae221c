import {
  BLOCKIO_ATTRIBUTIONS,
  type Costs,
  type Probes,
  type ProgramCost,
  type ProgramStatus,
  type Snapshot,
} from 'bpf-linker-napi';
import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import { errorMessage } from '../common/errors.js';
import type { Logger } from '../common/log.js';
import { collectProcessMetrics, registerBuildInfo } from '../common/process-metrics.js';
import type { Format } from './exposition/format.js';
import { renderRegistry } from './exposition/prom-client.js';
import type { Reduced } from './reduced.js';
import type { ContainerCounts } from './series/containers.js';

export type Stage = 'read' | 'join' | 'render';

/** State of the exporter at the time of a scrape. */
export interface SelfState {
  readonly containers: ContainerCounts;
  readonly podsKnown: number;
  readonly watchRestarts: number;
  readonly programs: readonly ProgramStatus[];
  readonly reduced: Reduced | undefined;
  readonly blockIoAttribution: Probes['blockIoAttribution'];
  readonly drops: Snapshot['drops'];
  readonly costs: readonly ProgramCost[];
}

/** One percent of the time: timing adds about as much to the cost of the programs, and covers each often enough. */
const BURST_MS = 50;
const BURST_EVERY_MS = 5000;

/** Metrics of the exporter itself, in a registry of their own. */
export class SelfMetrics {
  readonly #registry = new Registry();
  readonly #stages: Histogram<'stage'>;

  constructor(
    version: string,
    private readonly state: () => SelfState,
  ) {
    const registers = [this.#registry];
    // Without the event loop's lag: its timer takes more CPU time than everything else in an idle exporter.
    collectProcessMetrics(this.#registry);
    registerBuildInfo(this.#registry, 'kernscale-exporter', version);
    this.#stages = new Histogram({
      name: 'kernscale_exporter_scrape_stage_seconds',
      help: 'Duration of each stage of a scrape.',
      labelNames: ['stage'],
      buckets: [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1],
      registers,
    });
    this.#addProbes();
    this.#addMode();
    this.#addCosts();
    this.#addContainers();
  }

  observeStage(stage: Stage, seconds: number): void {
    this.#stages.observe({ stage }, seconds);
  }

  render(format: Format, names?: ReadonlySet<string>): Promise<Uint8Array> {
    return renderRegistry(this.#registry, format, names);
  }

  #addProbes(): void {
    const { state } = this;
    const registers = [this.#registry];
    new Gauge({
      name: 'kernscale_probe_attached',
      help: '1 if the BPF program is attached, else 0, with reason="lockdown" where the kernel\'s lockdown refuses it.',
      labelNames: ['probe', 'program', 'reason'],
      registers,
      collect() {
        for (const { probe, program, attached, reason } of state().programs) {
          this.set({ probe, program, ...(reason && { reason }) }, Number(attached));
        }
      },
    });
    new Gauge({
      name: 'kernscale_probe_blockio_attribution',
      help: 'How block requests are attributed to cgroups: 1 for the attribution in force, 0 for the others.',
      labelNames: ['attribution'],
      registers,
      collect() {
        const { blockIoAttribution } = state();
        if (blockIoAttribution === undefined) return;
        for (const attribution of BLOCKIO_ATTRIBUTIONS) {
          this.set({ attribution }, Number(attribution === blockIoAttribution));
        }
      },
    });
    new Counter({
      name: 'kernscale_probe_drops_total',
      help: 'Observations dropped or folded in the kernel, by cause.',
      labelNames: ['cause'],
      registers,
      collect() {
        this.reset();
        for (const [cause, count] of Object.entries(state().drops)) this.inc({ cause }, count);
      },
    });
  }

  #addMode(): void {
    const { state } = this;
    const registers = [this.#registry];
    new Gauge({
      name: 'kernscale_exporter_reduced',
      help: '1 while no BPF program runs, with the reason: no_btf, no_rights or refused. Only the CPU time and the starvation of cgroups are measured then.',
      labelNames: ['reason'],
      registers,
      collect() {
        const { reduced } = state();
        if (reduced) this.set({ reason: reduced.reason }, 1);
      },
    });
  }

  #addCosts(): void {
    const { state } = this;
    const registers = [this.#registry];
    const bursts = `bursts of ${BURST_MS} ms, about every ${BURST_EVERY_MS / 1000} s, in which each run is timed`;
    new Counter({
      name: 'kernscale_probe_run_seconds_total',
      help: `CPU time of a BPF program, estimated from ${bursts}.`,
      labelNames: ['program'],
      registers,
      collect() {
        this.reset();
        for (const { program, seconds } of state().costs) this.inc({ program }, seconds);
      },
    });
    new Counter({
      name: 'kernscale_probe_runs_total',
      help: `Runs of a BPF program, estimated from ${bursts}.`,
      labelNames: ['program'],
      registers,
      collect() {
        this.reset();
        for (const { program, runs } of state().costs) this.inc({ program }, runs);
      },
    });
  }

  #addContainers(): void {
    const { state } = this;
    const registers = [this.#registry];
    new Gauge({
      name: 'kernscale_exporter_containers',
      help:
        'Containers by state: exported, unknown to the API, ignored, folded because every slot is taken, or ' +
        'terminated and still exported.',
      labelNames: ['state'],
      registers,
      collect() {
        for (const [name, count] of Object.entries(state().containers)) this.set({ state: name }, count);
      },
    });
    new Gauge({
      name: 'kernscale_exporter_pods',
      help: 'Pods on this node that are known from the Kubernetes API.',
      registers,
      collect() {
        this.set(state().podsKnown);
      },
    });
    new Counter({
      name: 'kernscale_exporter_watch_restarts_total',
      help: 'Watch requests to the Kubernetes API that ended or failed and were restarted.',
      registers,
      collect() {
        this.reset();
        this.inc(state().watchRestarts);
      },
    });
  }
}

/**
 * Estimates the total cost of the BPF programs. The kernel times them in short bursts, and a burst stands for all the time
 * since the one before. Bursts start at random, so that a periodic load cannot hide from them.
 */
export class ProbeCosts {
  #totals: readonly ProgramCost[] = [];
  #covered = performance.now();
  #timer: NodeJS.Timeout | undefined;
  #isClosed = false;

  constructor(
    private readonly probes: Pick<Probes, 'measure'>,
    private readonly log: Logger,
  ) {
    void this.#burst();
  }

  /** Empty until the first burst has ended. */
  get totals(): readonly ProgramCost[] {
    return this.#totals;
  }

  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
  }

  async #burst(): Promise<void> {
    try {
      const costs = await this.probes.measure(BURST_MS);
      const now = performance.now();
      this.#totals = addBurst(this.#totals, costs, (now - this.#covered) / 1000);
      this.#covered = now;
    } catch (error) {
      if (!this.#isClosed)
        this.log.error({ error: errorMessage(error) }, 'cannot measure the cost of the probes');
    }
    if (this.#isClosed) return;
    const delay = BURST_EVERY_MS * (0.5 + Math.random());
    this.#timer = setTimeout(() => void this.#burst(), delay).unref();
  }
}

/** Adds a burst that stands for so many seconds. Counters never decrease, whatever the clock's noise. */
export function addBurst(
  totals: readonly ProgramCost[],
  burst: Costs,
  seconds: number,
): readonly ProgramCost[] {
  const scale = seconds / burst.seconds;
  return burst.programs.map((cost) => {
    const before = totals.find(({ program }) => program === cost.program);
    return {
      program: cost.program,
      runs: (before?.runs ?? 0) + scale * cost.runs,
      seconds: (before?.seconds ?? 0) + scale * Math.max(0, cost.seconds),
    };
  });
}
