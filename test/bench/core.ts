/**
 * What one round of decisions costs the scaler, without Prometheus and Kubernetes: `npm run bench:core [-- --json]`.
 *
 * The worst case: every workload is bound by a dependency and waits on ten others, so that each one's walk reaches all
 * that it can. Time is CPU time, so that a busy machine does not spoil the figures; the first rounds warm up.
 */
import { runMain } from '../../common/main.js';
import { assessAll, decideRound, explained, walkAll } from '../../scaler/core/decide-round.js';
import type { RoundInput } from '../../scaler/core/types.js';
import { edgeTo, NOW, waiter } from '../unit/scaler/core/fixtures.js';
import { benchFlags } from './flags.js';

const WORKLOADS = 1000;
const EDGES = 10;
const ROUNDS = 9;
const WARM_UP = 5;

function allWaiting(): RoundInput {
  const workloads = Array.from({ length: WORKLOADS }, (_, index) => {
    const edges = Array.from({ length: EDGES }, (_, edge) =>
      edgeTo(`w${(index * 7 + (edge + 1) * 131) % WORKLOADS}`, 1 + edge / 100),
    );
    return waiter(`w${index}`, ...edges);
  });
  return { workloads: new Map(workloads), targets: workloads.map(([key]) => key) };
}

function decideAll(input: RoundInput): void {
  for (const [key, decision] of decideRound(input, NOW)) {
    explained(input.workloads.get(key)!.rule!, decision);
  }
}

/** Median CPU milliseconds. */
function cost(work: () => void): number {
  const times = Array.from({ length: WARM_UP + ROUNDS }, () => {
    const before = process.cpuUsage();
    work();
    const { user, system } = process.cpuUsage(before);
    return (user + system) / 1000;
  });
  return times.slice(WARM_UP).sort((a, b) => a - b)[Math.floor(ROUNDS / 2)]!;
}

function main(argv: readonly string[]): Promise<number> {
  const options = benchFlags('core', 'Measures what a round of decisions costs, in CPU time.', argv);
  if (!options) return Promise.resolve(0);
  const input = allWaiting();
  const rows = [
    {
      what: `find the waiters among ${WORKLOADS} workloads`,
      ms: cost(() => void walkAll(input.workloads, assessAll(input.workloads, new Map(), NOW), NOW)),
    },
    {
      what: `a round of ${WORKLOADS} decisions`,
      ms: cost(() => {
        decideAll(input);
      }),
    },
  ].map(({ what, ms }) => ({ what, ms: Math.round(ms) }));
  if (options.json) console.log(JSON.stringify({ name: 'core', rows }));
  else for (const { what, ms } of rows) console.log(`${what}: ${ms} ms of CPU`);
  return Promise.resolve(0);
}

await runMain('bench:core', main);
