import type { OpaqueTrace } from './decision.js';
import { count } from './format.js';
import type { Measures, OpaquePod } from './measures.js';
import { isAbsent } from './reading.js';
import type { Samples } from './round.js';

/** Signals that are about threads: a pod whose threads cannot be seen has none of them. */
const OF_THREADS: ReadonlySet<string> = new Set(['blockio', 'wait', 'lock']);

/**
 * The measures of all pods of a workload: those of the pods that are seen into, as if the others did the same. CPU used and
 * starvation are measured on all of them.
 */
export function measuresOfAll(measures: Measures): Measures {
  const { pods, opaque = [], states, serving, requests, calls } = measures;
  const seen = pods - opaque.length;
  if (opaque.length === 0 || seen <= 0) return measures;
  const factor = pods / seen;
  return {
    ...measures,
    states: { ...multiplied(states, factor), oncpu: states.oncpu ?? 0 },
    serving: serving && multiplied(serving, factor),
    requests: requests && {
      ...multiplied(requests, factor),
      thought: multiplied(requests.thought, factor),
    },
    calls: calls.map((call) => multiplied(call, factor)),
  };
}

/** Multiplies the numbers among an object's fields. */
function multiplied<T extends object>(rates: T, factor: number): T {
  const entries = Object.entries(rates).map(([name, rate]): [string, unknown] => [
    name,
    typeof rate === 'number' ? rate * factor : rate,
  ]);
  return Object.fromEntries(entries) as T;
}

/** The measures of a workload some of whose pods cannot be seen into. */
export function partlyOpaque({ windows }: Samples): Measures | undefined {
  if (!windows || isAbsent(windows.settled)) return undefined;
  return windows.settled.opaque?.length ? windows.settled : undefined;
}

/** True if no pod of the workload can have the signal, so that its absence is no gap in the data. */
export function isInvisible(signal: string, samples: Samples): boolean {
  const { pods = 0, opaque = [] } = partlyOpaque(samples) ?? {};
  return OF_THREADS.has(signal) && opaque.length > 0 && opaque.length >= pods;
}

/** Which pods cannot be seen into; undefined where all are. */
export function opaqueTrace(samples: Samples): OpaqueTrace | undefined {
  const { pods: measured = 0, opaque = [] } = partlyOpaque(samples) ?? {};
  if (opaque.length === 0) return undefined;
  const nodes = new Map(samples.pods?.map(({ name, node }) => [name, node]));
  const reasons = new Set(opaque.map(({ reason }) => reason));
  const why = [...reasons].map((reason) => {
    const names = opaque.filter((one) => one.reason === reason).map(({ pod }) => nodes.get(pod));
    return reasonText(reason, [...new Set(names.filter((name) => name !== undefined))].sort());
  });
  return { pods: opaque.length, of: Math.max(measured, opaque.length), why: why.join('; ') };
}

/** `cannot see into 3 of 8 pods: node pi-2 has no BTF`. */
export function opaqueText({ pods, of, why }: OpaqueTrace): string {
  return `cannot see into ${pods} of ${count(of, 'pod')}: ${why}`;
}

function reasonText(reason: OpaquePod['reason'], nodes: readonly string[]): string {
  const [first = '', ...others] = nodes;
  const isOne = others.length === 0;
  const where = nodes.length === 0 ? 'the node' : isOne ? `node ${first}` : `nodes ${nodes.join(', ')}`;
  switch (reason) {
    case 'no_btf':
      return `${where} ${isOne ? 'has' : 'have'} no BTF`;
    case 'no_rights':
      return `the exporter on ${where} may load no BPF programs`;
    case 'refused':
      return `the kernel of ${where} refuses the BPF programs`;
    case 'sandboxed':
      return 'sandboxes hide their threads';
    default:
      return reason;
  }
}
