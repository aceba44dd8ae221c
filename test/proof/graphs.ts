import { Random } from '../../scaler/simulate/random.js';
import { scenarioOf } from '../../scaler/simulate/scenario-schema.js';
import type { Scenario } from '../../scaler/simulate/scenario.js';
import { TARGET } from './truth.js';

export const FAULTS = ['cpu', 'throttle', 'disk', 'lock', 'slow-leaf', 'dead-peer'] as const;
export type FaultName = (typeof FAULTS)[number];

/** Requests per second at the entry of a graph at its full load. */
const LOAD = 60;
/** Requests per second that a service gets at most from all that call it. */
const MOST = 120;
/** Time of the full load before a fault or the night, in which everything is learnt, seconds. */
export const DAY = 420;
const FAULT = 240;
const NIGHT = 540;
const MILLISECOND = 1000;

interface Call {
  readonly to: string;
  readonly probability: number;
  readonly timeout: '5s';
}

/** A service of a graph, with what the faults change. */
interface Node {
  readonly name: string;
  /** Requests per second. */
  rate: number;
  readonly calls: Call[];
  readonly cpu: number;
  readonly spread: string;
  readonly pods: number;
  readonly limit: string;
  readonly threads: number | string;
  readonly order: string;
  /** Cores; undefined: what its pods need at the target. */
  request?: number;
  /** Usual times of a request, seconds. */
  disk?: number;
  lock?: number;
}

interface Graph {
  readonly nodes: readonly Node[];
  readonly databases: readonly string[];
  readonly draw: Random;
}

/** A random graph with a fault, or a healthy one that goes into the night. */
export function scenarioOfGraph(fault: FaultName | 'night', seed: number): Scenario {
  return fault === 'night' ? nightGraph(seed) : faultyGraph(fault, seed);
}

/** A fault on one service of a random graph; the bottleneck is its truth. */
function faultyGraph(fault: FaultName, seed: number): Scenario {
  const graph = graphOf(seed);
  const { bottleneck, may, ...what } = FAULT_OF[fault](graph);
  const truth = {
    about: `A random graph of ${graph.nodes.length} services; fault: ${fault} of ${bottleneck}.`,
    from: `${DAY - 60}s`,
    bottleneck,
    may: may ?? {},
  };
  const faults = [{ at: `${DAY}s`, ...what }];
  return toScenario(`graph-${fault}-${seed}`, seed, graph, truth, DAY + FAULT, String(LOAD), faults);
}

/** A healthy graph whose load goes down to a tenth. */
function nightGraph(seed: number): Scenario {
  const graph = graphOf(seed);
  const truth = {
    about: `A random graph of ${graph.nodes.length} services at a tenth of its load.`,
    from: `${DAY - 60}s`,
  };
  return toScenario(
    `graph-night-${seed}`,
    seed,
    graph,
    truth,
    DAY + NIGHT,
    `${LOAD} ${LOAD / 10}@${DAY}s`,
    [],
  );
}

interface GraphFault {
  readonly kind: string;
  readonly bottleneck: string;
  readonly may?: Record<string, number>;
  readonly [field: string]: unknown;
}

const FAULT_OF: Record<FaultName, (graph: Graph) => GraphFault> = {
  cpu: (graph) => onService(graph, { kind: 'cpu', factor: 3 }),
  throttle: (graph) => onService(graph, { kind: 'cpuShare', share: 0.5 }),
  /** From 30 % of what the disk can do to 130 %. */
  disk: (graph) => {
    const node = pick(graph, graph.nodes);
    node.disk = 0.3 / node.rate;
    return { kind: 'disk', service: node.name, factor: 1.3 / 0.3, bottleneck: node.name };
  },
  /** From 10 % to 130 % of what the locks of the pods can do, with CPU to spare. */
  lock: (graph) => {
    const node = pick(
      graph,
      graph.nodes.filter(({ threads }) => threads !== 'loop'),
    );
    const perPod = node.rate / 2;
    node.request = 2;
    node.lock = 0.1 / perPod;
    const time = ms(1.3 / perPod);
    const may = { [node.name]: Math.ceil((2 * 1.3) / TARGET) };
    return { kind: 'lock', service: node.name, time, bottleneck: node.name, may };
  },
  'slow-leaf': (graph) => {
    const leaf = pick(
      graph,
      graph.nodes.filter(({ calls }) => calls.length === 0),
    );
    return { kind: 'sleep', to: leaf.name, time: '500ms', bottleneck: leaf.name };
  },
  'dead-peer': (graph) => {
    const to = pick(graph, graph.databases);
    return { kind: graph.draw.below(2) === 0 ? 'hang' : 'refuse', to, bottleneck: to };
  },
};

function onService(
  graph: Graph,
  fault: { readonly kind: string; readonly [field: string]: unknown },
): GraphFault {
  const { name } = pick(graph, graph.nodes);
  return { ...fault, service: name, bottleneck: name };
}

function pick<T>({ draw }: Graph, from: readonly T[]): T {
  return from[draw.below(from.length)]!;
}

/**
 * 8 to 25 services: a tree with some services that two others call; steps one after the other or at the same time; three
 * kinds of quota, five of threads, three of spread. Every third leaf asks a database outside.
 */
function graphOf(seed: number): Graph {
  const draw = new Random(seed, 'graph');
  const nodes: Node[] = [];
  const size = 8 + draw.below(18);
  for (let index = 0; index < size; index++) nodes.push(nodeOf(draw, index));
  nodes[0]!.rate = LOAD;
  // A caller comes before what it calls, so the rates of all before it are known.
  for (let index = 1; index < size; index++) {
    const callers = draw.uniform() < 0.15 ? 2 : 1;
    for (let count = 0; count < callers; count++) connect(draw, nodes, index);
  }
  const leaves = nodes.filter(({ calls }) => calls.length === 0);
  const asking = leaves.filter((_, index) => index % 3 === 0);
  const databases = asking.map(({ name, calls }) => {
    const to = `${name}-database`;
    calls.push({ to, probability: 1, timeout: '5s' });
    return to;
  });
  return { nodes, databases, draw };
}

function nodeOf(draw: Random, index: number): Node {
  const of = <T>(...values: readonly T[]): T => values[draw.below(values.length)]!;
  return {
    name: `s${index}`,
    rate: 0,
    calls: [],
    cpu: (4 + draw.below(13)) / MILLISECOND,
    spread: of('constant', 'exponential', 'lognormal'),
    pods: 2 + draw.below(8),
    limit: of('none', 'request', '2x'),
    threads: of<number | string>(4, 16, 64, 'loop', 'unbounded'),
    order: of('sequence', 'parallel'),
  };
}

function connect(draw: Random, nodes: readonly Node[], index: number): void {
  const node = nodes[index]!;
  const free = nodes
    .slice(0, index)
    .filter(({ calls }) => calls.length < 4 && calls.every(({ to }) => to !== node.name));
  const probability = draw.uniform() < 0.3 ? 0.4 + 0.5 * draw.uniform() : 1;
  const caller = free[draw.below(free.length)];
  if (!caller || node.rate + caller.rate * probability > MOST) return;
  caller.calls.push({ to: node.name, probability, timeout: '5s' });
  node.rate += caller.rate * probability;
}

function toScenario(
  name: string,
  seed: number,
  { nodes, databases }: Graph,
  truth: object,
  length: number,
  load: string,
  faults: readonly object[],
): Scenario {
  const called = nodes.filter(({ rate }) => rate > 0);
  return scenarioOf(
    {
      name,
      seed,
      truth,
      length: `${length}s`,
      services: called.map(toService),
      outside: databases.map((database) => ({ name: database, time: { mean: '10ms' } })),
      clients: [{ to: 's0', load, timeout: '10s', objective: { latency: '1s', quantile: 0.95 } }],
      faults,
    },
    () => '',
  );
}

function toService(node: Node): object {
  const { name, rate, cpu, spread, pods, threads, order, calls, disk, lock = 0 } = node;
  const demand = rate * (cpu + lock);
  // A loop cannot use more than a core, and a lock is held against two pods.
  const fitting = threads === 'loop' ? Math.max(pods, Math.ceil(demand / 0.5)) : pods;
  const replicas = node.request === undefined ? fitting : 2;
  return {
    name,
    replicas,
    request: node.request ?? demand / (TARGET * replicas),
    limit: node.limit,
    // Who waits for others needs threads for it.
    threads: typeof threads === 'number' && calls.length > 0 ? 64 : threads,
    order,
    calls,
    work: {
      cpu: { mean: ms(cpu), shape: spread, parameter: 0.5 },
      ...(disk !== undefined && { disk: { mean: ms(disk) } }),
      ...(lock > 0 && { lock: { mean: ms(lock), shape: 'constant' } }),
    },
  };
}

function ms(seconds: number): string {
  return `${Math.max(1, Math.round(seconds * MILLISECOND))}ms`;
}
