import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import {
  BLOCKIO_ATTRIBUTIONS,
  type Probes,
  type ProgramCost,
  type ProgramStatus,
  type Snapshot,
} from 'bpf-linker-napi';
import { collectProcessMetrics, EVENT_LOOP_TIMES } from '../common/process-metrics.js';
import type { ContainerCounts } from './series/containers.js';
import type { Format } from './exposition/format.js';
import { BURST_EVERY_MS, BURST_MS } from './probe-costs.js';
import { renderMetric, type JsonMetric } from './exposition/prom-client.js';

export type Stage = 'read' | 'join' | 'render';

/** What the exporter knows about itself at the time of a scrape. */
export interface SelfState {
  readonly containers: ContainerCounts;
  readonly podsKnown: number;
  readonly watchRestarts: number;
  readonly programs: readonly ProgramStatus[];
  readonly blockIoAttribution: Probes['blockIoAttribution'];
  readonly drops: Snapshot['drops'];
  readonly costs: readonly ProgramCost[];
}

/** prom-client times the event loop with a timer, which would cost more than everything else an idle exporter does. */
const EVENT_LOOP_PRECISION_MS = 3_600_000;

/** The exporter's metrics on itself, in a registry of their own. */
export class SelfMetrics {
  readonly #registry = new Registry();
  readonly #stages: Histogram<'stage'>;

  constructor(
    version: string,
    private readonly state: () => SelfState,
  ) {
    const registers = [this.#registry];
    collectProcessMetrics(this.#registry, EVENT_LOOP_PRECISION_MS);
    for (const name of EVENT_LOOP_TIMES) this.#registry.removeSingleMetric(name);
    this.#stages = new Histogram({
      name: 'kernscale_exporter_scrape_stage_seconds',
      help: 'Time one scrape spends in each stage.',
      labelNames: ['stage'],
      buckets: [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1],
      registers,
    });
    new Gauge({
      name: 'kernscale_build_info',
      help: 'The running version; always 1.',
      labelNames: ['version', 'node_version'],
      registers,
    }).set({ version, node_version: process.version }, 1);
    this.#addProbes();
    this.#addCosts();
    this.#addContainers();
  }

  observeStage(stage: Stage, seconds: number): void {
    this.#stages.observe({ stage }, seconds);
  }

  async render(format: Format): Promise<Uint8Array> {
    const metrics = (await this.#registry.getMetricsAsJSON()) as unknown as readonly JsonMetric[];
    return Buffer.concat(metrics.map((metric) => renderMetric(metric, format)));
  }

  #addProbes(): void {
    const { state } = this;
    const registers = [this.#registry];
    new Gauge({
      name: 'kernscale_probe_attached',
      help: 'Whether a BPF program is attached.',
      labelNames: ['probe', 'program'],
      registers,
      collect() {
        for (const { probe, program, attached } of state().programs) {
          this.set({ probe, program }, Number(attached));
        }
      },
    });
    new Gauge({
      name: 'kernscale_probe_blockio_attribution',
      help: 'Who block requests are billed to: 1 for the attribution in force, 0 for the others.',
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
      help: 'Observations lost or folded in the kernel, by cause.',
      labelNames: ['cause'],
      registers,
      collect() {
        this.reset();
        for (const [cause, count] of Object.entries(state().drops)) this.inc({ cause }, count);
      },
    });
  }

  #addCosts(): void {
    const { state } = this;
    const registers = [this.#registry];
    const bursts = `${BURST_MS} ms, every ${BURST_EVERY_MS / 1000} s or so, in which each run is timed`;
    new Counter({
      name: 'kernscale_probe_run_seconds_total',
      help: `CPU time that a BPF program takes, estimated from bursts of ${bursts}.`,
      labelNames: ['program'],
      registers,
      collect() {
        this.reset();
        for (const { program, seconds } of state().costs) this.inc({ program }, seconds);
      },
    });
    new Counter({
      name: 'kernscale_probe_runs_total',
      help: `Runs of a BPF program, estimated from bursts of ${bursts}.`,
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
        'Containers by what becomes of them: exported, unknown to the API yet, ignored, folded for want of ' +
        'a slot, or retired and served for the last time.',
      labelNames: ['state'],
      registers,
      collect() {
        for (const [name, count] of Object.entries(state().containers)) this.set({ state: name }, count);
      },
    });
    new Gauge({
      name: 'kernscale_exporter_pods',
      help: 'Pods on this node that the Kubernetes API has told of.',
      registers,
      collect() {
        this.set(state().podsKnown);
      },
    });
    new Counter({
      name: 'kernscale_exporter_watch_restarts_total',
      help: 'Watch requests to the Kubernetes API that ended or failed and were made again.',
      registers,
      collect() {
        this.reset();
        this.inc(state().watchRestarts);
      },
    });
  }
}
