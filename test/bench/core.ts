/**
 * What one round of decisions costs the scaler, without Prometheus and Kubernetes: `npm run bench:core [-- --json]`.
 *
 * The worst case: every workload is bound by a dependency and waits on ten others, so that each one's walk reaches all
 * that it can. Time is CPU time, so that a busy machine does not spoil the figures; the first rounds warm up.
 */
import { runMain } from '../../common/main.js';
import { decide } from '../../scaler/core/decide.js';
import { EMPTY_HISTORY, type Neighbour, type WorkloadKey } from '../../scaler/core/types.js';
import { surveyWaiters } from '../../scaler/core/waiters.js';
import { at, edgeTo, neighbour, NOW, ruleFor, samplesOf } from '../unit/scaler/core/fixtures.js';
import { benchFlags } from './flags.js';

const WORKLOADS = 1000;
const EDGES = 10;
const ROUNDS = 9;
const WARM_UP = 5;

function allWaiting(): Map<WorkloadKey, Neighbour> {
  const around = new Map<WorkloadKey, Neighbour>();
  for (let index = 0; index < WORKLOADS; index++) {
    const edges = Array.from({ length: EDGES }, (_, edge) =>
      edgeTo(`w${(index * 7 + (edge + 1) * 131) % WORKLOADS}`, 1 + edge / 100),
    );
    const [key, found] = neighbour(`w${index}`, samplesOf({ edges }, { wait: at(0.9), cpu: at(0.2) }));
    const history = { ...EMPTY_HISTORY, steps: { '2:dependency': { since: NOW - 60 } } };
    around.set(key, { ...found, history });
  }
  return around;
}

function decideAll(around: ReadonlyMap<WorkloadKey, Neighbour>): void {
  const { walks, waitedOnBy } = surveyWaiters(around, NOW);
  for (const [key, { rule = ruleFor('none'), samples, history }] of around) {
    const walk = walks.get(key);
    const known = { neighbourhood: around, ...(walk && { walk }), waitedOnBy: waitedOnBy.get(key) ?? [] };
    decide(rule, { ...samples, ...known }, history, NOW);
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
  const around = allWaiting();
  const rows = [
    {
      what: `find the waiters among ${WORKLOADS} workloads`,
      ms: cost(() => void surveyWaiters(around, NOW)),
    },
    {
      what: `a round of ${WORKLOADS} decisions`,
      ms: cost(() => {
        decideAll(around);
      }),
    },
  ].map(({ what, ms }) => ({ what, ms: Math.round(ms) }));
  if (options.json) console.log(JSON.stringify({ name: 'core', rows }));
  else for (const { what, ms } of rows) console.log(`${what}: ${ms} ms of CPU`);
  return Promise.resolve(0);
}

await runMain('bench:core', main);
