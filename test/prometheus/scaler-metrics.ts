import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

/** Thread states of a workload: average number of threads over all pods. */
export interface Behaviour {
  pods: number;
  /** CPU request of one pod in cores. */
  request: number;
  states: Partial<Record<'oncpu' | 'runqueue' | 'throttled' | 'disk' | 'network' | 'lock' | 'idle', number>>;
  /** Threads that wait on a peer, by `ip:port`. */
  peers?: Record<string, number>;
}

const STATES = ['oncpu', 'runqueue', 'throttled', 'disk', 'network', 'lock', 'idle'] as const;

/** An exporter whose counters grow with real time at the rates that a test sets. */
export class DictatedMetrics {
  /** Behaviour by workload, all of them StatefulSets in the namespace `shop`. */
  readonly workloads = new Map<string, Behaviour>();
  /** While set, scrapes fail. */
  failing = false;
  readonly #totals = new Map<string, number>();
  #advanced = performance.now();
  #server: Server | undefined;

  async start(): Promise<void> {
    this.#server = createServer((_request, response) => {
      this.#advance();
      response.writeHead(this.failing ? 503 : 200, { 'content-type': 'text/plain; version=0.0.4' });
      response.end(this.failing ? '' : this.#render());
    });
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
  }

  get port(): number {
    return (this.#server?.address() as AddressInfo).port;
  }

  async stop(): Promise<void> {
    this.#server?.closeAllConnections();
    await new Promise((resolve) => this.#server?.close(resolve));
  }

  /** Advances the counters to the present. */
  #advance(): void {
    const now = performance.now();
    const seconds = (now - this.#advanced) / 1000;
    this.#advanced = now;
    for (const [workload, behaviour] of this.workloads) {
      for (let pod = 0; pod < behaviour.pods; pod++) {
        for (const state of STATES) {
          this.#add(
            stateSeries(workload, pod, state),
            (seconds * (behaviour.states[state] ?? 0)) / behaviour.pods,
          );
        }
        for (const [peer, threads] of Object.entries(behaviour.peers ?? {})) {
          this.#add(peerSeries(workload, pod, peer), (seconds * threads) / behaviour.pods);
        }
      }
    }
  }

  #add(series: string, amount: number): void {
    this.#totals.set(series, (this.#totals.get(series) ?? 0) + amount);
  }

  #render(): string {
    const live = [...this.workloads].flatMap(([workload, { pods, request, peers }]) =>
      Array.from({ length: pods }, (_, pod) => [
        ...STATES.map((state) => this.#line(stateSeries(workload, pod, state))),
        ...Object.keys(peers ?? {}).map((peer) => this.#line(peerSeries(workload, pod, peer))),
        `kernscale_container_cpu_request_cores{${labels(workload, pod)}} ${request}`,
      ]).flat(),
    );
    return `${live.join('\n')}\n`;
  }

  #line(series: string): string {
    return `${series} ${this.#totals.get(series) ?? 0}`;
  }
}

function labels(workload: string, pod: number): string {
  return `namespace="shop",pod="${workload}-${pod}",container="main",workload="${workload}",workload_kind="StatefulSet"`;
}

function stateSeries(workload: string, pod: number, state: string): string {
  return `kernscale_state_seconds_total{${labels(workload, pod)},state="${state}"}`;
}

function peerSeries(workload: string, pod: number, peer: string): string {
  return `kernscale_tcp_wait_seconds_sum{${labels(workload, pod)},peer="${peer}"}`;
}
