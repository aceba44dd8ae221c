import { parseDuration } from '../../common/duration.js';
import { oncePer } from '../../common/once.js';
import { queriedSignals, type Query } from '../loop/signals.js';
import { applyAndRecord } from '../loop/apply.js';
import { assign } from '../loop/assignments.js';
import { queriesByWorkload } from '../loop/own-signals.js';
import { freshnessQueries } from '../promql/freshness.js';
import { Histories } from '../loop/histories.js';
import { DecisionRecords, type DecisionRecord } from '../loop/record.js';
import { runRound } from '../loop/round.js';
import type { RuleGroup } from '../rules/types.js';
import { TestCluster } from './cluster.js';
import { evaluate, type InstantQuery } from './promtool.js';
import type { Expectation, RuleTest } from './load.js';

/** Outcome of one expectation. */
export interface TestResult {
  readonly expected: Expectation;
  /** Decision of the last round up to `eval_time`; undefined without one. */
  readonly got: DecisionRecord | undefined;
  /** One clause per difference; empty if the expectation is met. */
  readonly differences: readonly string[];
}

interface Round {
  readonly at: number;
  readonly group: RuleGroup;
}

/**
 * Runs a test: evaluates the queries of all rounds from 0 s to the last `eval_time` in Prometheus' engine, then decides
 * and scales round by round, as the live loop does.
 *
 * @param promtool path of the program
 * @throws KernscaleError `PROMTOOL_MISSING` or `PROMTOOL_FAILED`
 */
export async function runTest(promtool: string, ruleTest: RuleTest): Promise<TestResult[]> {
  const { test, expectations } = ruleTest;
  const rounds = roundsOf(ruleTest);
  const workloads = new TestCluster(test).view.workloads();
  const signalsOf = oncePer((group: RuleGroup) => {
    const assigned = assign([group], workloads).values();
    return { ...group.signals, ...queriesByWorkload(assigned, undefined) };
  });
  const queries = rounds.flatMap(({ at, group }) => queriesOf({ ...group, signals: signalsOf(group) }, at));
  const query = await evaluate(promtool, test.input_series, test.interval, queries);
  const records = await decideAll(ruleTest, rounds, query);
  return expectations.map((expected) => compare(expected, records));
}

function roundsOf({ groups, evaluationInterval, expectations }: RuleTest): Round[] {
  const end = Math.max(...expectations.map((expected) => parseDuration(expected.eval_time)));
  const rounds = groups.flatMap((group) => {
    const interval = evaluationInterval === undefined ? group.interval : parseDuration(evaluationInterval);
    const count = Math.floor(end / interval) + 1;
    return Array.from({ length: count }, (_, index): Round => ({ at: index * interval, group }));
  });
  return rounds.sort((a, b) => a.at - b.at);
}

function queriesOf({ signals, windows: { recent, settled } }: RuleGroup, time: number): InstantQuery[] {
  const queried = [queriedSignals(signals), recent.parts, settled.parts].flatMap((queries) =>
    Object.values(queries),
  );
  return queried.flatMap(({ expr }) =>
    [expr, ...freshnessQueries(expr)].map((query) => ({ expr: query, time })),
  );
}

async function decideAll(
  { test, groups }: RuleTest,
  rounds: readonly Round[],
  query: Query,
): Promise<DecisionRecord[]> {
  const { view: cluster, scales } = new TestCluster(test);
  const made: DecisionRecord[] = [];
  const memory = { histories: new Histories(), records: new DecisionRecords() };
  for (const { at, group } of rounds) {
    const sources = { query, cluster, scales, ...memory, clock: () => at, queryOffset: 0 };
    const { decisions } = await runRound(group, assign(groups, cluster.workloads()), sources);
    for (const decided of decisions) {
      made.push((await applyAndRecord(decided, { scales, ...memory }, true)).record);
    }
  }
  return made;
}

function compare(expected: Expectation, records: readonly DecisionRecord[]): TestResult {
  const until = parseDuration(expected.eval_time);
  const got = records.findLast(({ at, trace }) => at <= until && trace.workload === expected.workload);
  return { expected, got, differences: got ? differences(expected, got) : ['no decision'] };
}

function differences({ exp_bound, exp_replicas, exp_reason }: Expectation, got: DecisionRecord): string[] {
  return [
    ...(exp_bound === undefined || exp_bound === got.class
      ? []
      : [`bound: expected ${exp_bound}, got ${got.class}`]),
    ...(exp_replicas === undefined || exp_replicas === got.replicas
      ? []
      : [`replicas: expected ${exp_replicas}, got ${got.replicas}`]),
    ...(exp_reason === undefined || got.reason.toLowerCase().includes(exp_reason.toLowerCase())
      ? []
      : [`reason: expected one that contains "${exp_reason}"`]),
  ];
}
