import type { Past, PastSeries } from '../prometheus/prometheus.js';

export const NAMESPACE = 'shop';
/** Mean number of threads of a container in each state. */
const STATES: readonly [state: string, mean: number][] = [
  ['oncpu', 0.9],
  ['runqueue', 0.1],
  ['throttled', 0.02],
  ['disk', 0.02],
  ['network', 0.2],
  ['lock', 0.01],
  ['ipc', 0.01],
  ['reclaim', 0.001],
  ['sleep', 1],
  ['idle', 5],
  ['other', 0.001],
];
const DAY = 86_400;

export interface Fleet {
  readonly workloads: number;
  /** Of each workload. */
  readonly pods: number;
}

/** A fleet whose load follows the time of day; one workload of three calls another one. */
export function fleetPast(
  { workloads, pods }: Fleet,
  from: number,
  to: number,
  scrapeInterval: number,
): Past {
  const series = Array.from({ length: workloads * pods }, (_, container) => {
    const index = Math.floor(container / pods);
    return containerSeries(`w${index}`, `w${index}-${container % pods}`, index, from);
  }).flat();
  // promtool needs the samples of a metric together.
  series.sort((a, b) => (a.metric < b.metric ? -1 : a.metric > b.metric ? 1 : 0));
  return { from, to, scrapeInterval, series };
}

function containerSeries(workload: string, pod: string, index: number, from: number): PastSeries[] {
  const labels = {
    namespace: NAMESPACE,
    workload,
    workload_kind: 'Deployment',
    pod,
    container: 'main',
  };
  const counter = (mean: number) => (at: number) => Math.round(1000 * swayed(mean, at - from, index)) / 1000;
  const series: PastSeries[] = [
    ...STATES.map(([state, mean]) => ({
      metric: 'kernscale_state_seconds_total',
      labels: { ...labels, state },
      value: counter(mean),
    })),
    { metric: 'kernscale_container_info', labels, value: () => 1 },
    { metric: 'kernscale_container_cpu_request_cores', labels, value: () => 0.5 },
  ];
  if (index % 3 !== 0) return series;
  const peer = `10.96.${Math.floor(index / 250)}.${(index % 250) + 1}:80`;
  const wait = { metric: 'kernscale_tcp_wait_seconds_sum', labels: { ...labels, peer }, value: counter(0.2) };
  return [...series, wait];
}

/** Integral of `mean` × (1 + 0.8 sin(day)), whose rate follows the time of day; each workload has its own phase. */
function swayed(mean: number, seconds: number, index: number): number {
  const turn = (2 * Math.PI) / DAY;
  const phase = index / 10;
  return mean * (seconds + (0.8 / turn) * (Math.cos(phase) - Math.cos(turn * seconds + phase)));
}
