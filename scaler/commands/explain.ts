import type { Command } from 'commander';
import { commandLine, flag, parseFlags } from '../../common/flags.js';
import { KernscaleError } from '../../common/errors.js';
import { decideAt } from '../backtest/decide-at.js';
import { withEvaluator } from '../backtest/evaluator/thread.js';
import { LONGEST_INTERVAL } from '../core/history.js';
import { count, round, timeText } from '../core/format.js';
import { parseKey, type WorkloadKey } from '../core/types.js';
import { OUTCOME_TEXTS, recommended, type Recommended, type DecisionRecord } from '../loop/record.js';
import { prometheusFlags } from '../promql/flags.js';
import { paintDecision, painter, type Paint } from '../terminal.js';
import { suggestion } from '../rules/suggestion.js';
import {
  actualFlag,
  badFlag,
  loadRules,
  namesOf,
  parseTime,
  PAST_TIMEOUT,
  prometheusOf,
  restrictedBy,
  withoutSelectors,
} from './arguments.js';
import { fetchDecisions, type ScalerDecisions } from './scaler-client.js';

type Flags = Readonly<Record<string, unknown>> & {
  readonly json?: boolean;
  readonly 'scaler.url': string;
  readonly at?: string;
  readonly actual: string;
};

/**
 * `kernscale explain`: prints the last decision of a running scaler about a workload, or the decision of rule files on
 * data from Prometheus.
 *
 * @returns exit status: 0, or 1 on errors in files
 */
export async function explain(argv: readonly string[]): Promise<number> {
  const command = commandLine('kernscale explain', 'Explain the decision about a workload')
    .argument('[target]', 'namespace/kind/name, or any unambiguous suffix')
    .argument('[files...]', 'Rule files to decide by, on data from Prometheus and without a running scaler')
    .option('--json', 'Print the decision record as JSON instead of text')
    .addOption(flag('--scaler.url <url>', 'Address of the scaler', 'http://127.0.0.1:5001'))
    .option(
      '--at <time>',
      'With rule files, time of the decision: 2026-01-31T12:00:00Z, seconds since 1970, or a duration ago such as 1h; default now',
    )
    .addOption(actualFlag());
  for (const option of prometheusFlags(PAST_TIMEOUT)) command.addOption(option);
  const flags = parseFlags<Flags>(command, argv);
  if (!flags) return 0;
  const [target, ...files] = command.args;
  if (target === undefined) throw badFlag('no workload given; for example: kernscale explain shop/checkout');
  if (files.length > 0) return explainFromPrometheus(target, files, flags);
  rejectPastFlags(command);
  const answer = await fetchDecisions(flags['scaler.url']);
  const key = find(
    target,
    answer.decisions.map(({ trace }) => trace.workload),
  );
  const record = answer.decisions.find(({ trace }) => trace.workload === key)!;
  print(record, flags, (paint) => lastDecision(record, answer, paint));
  return 0;
}

/** Rejects flags that have no effect without rule files. */
function rejectPastFlags(command: Command): void {
  const given = command.options.filter(
    (option) =>
      /^--(at|actual|prometheus\..*)$/.test(option.long ?? '') &&
      command.getOptionValueSource(option.attributeName()) === 'cli',
  );
  if (given.length === 0) return;
  throw badFlag(
    `${given[0]!.long!} requires rule files; for example: kernscale explain shop/checkout rules/scaling --prometheus.url=…`,
  );
}

async function explainFromPrometheus(
  target: string,
  files: readonly string[],
  flags: Flags,
): Promise<number> {
  const prometheus = prometheusOf(flags);
  const at = parseTime(flags.at ?? '0s', Date.now() / 1000);
  const groups = await loadRules(files);
  if (!groups) return 1;
  const interval = Math.min(LONGEST_INTERVAL, ...groups.map((group) => group.interval));
  const { workloads, decisions } = await withEvaluator(prometheus, (evaluate) =>
    decideAt({ ...restrictedBy(flags, withoutSelectors(groups)), evaluate }, at, interval),
  );
  const key = find(target, workloads);
  const made = decisions.get(key);
  if (!made) {
    const message = `Prometheus has no replica count of ${key} at ${timeText(at)}; set the metric with --actual`;
    throw new KernscaleError('REPLICAS_UNKNOWN', message);
  }
  const record = recommended(made.assignment, made.decision);
  print(record, flags, (paint) => [
    `${heading(record)}, at ${timeText(at)}`,
    ...paintDecision(record, paint),
    paint('dim', 'Based on Prometheus alone: readiness of pods and labels of workloads are not considered.'),
  ]);
  return 0;
}

function print(record: object, flags: Flags, render: (paint: Paint) => string[]): void {
  const text = flags.json ? JSON.stringify(record) : render(painter(process.stdout)).join('\n');
  process.stdout.write(`${text}\n`);
}

/** @throws KernscaleError `TARGET_UNKNOWN` or `TARGET_AMBIGUOUS` */
function find(target: string, workloads: readonly WorkloadKey[]): WorkloadKey {
  const namesByKey = new Map(workloads.map((key) => [key, namesOf(parseKey(key))]));
  const found = workloads.filter((key) => namesByKey.get(key)!.includes(target));
  const [only, second] = found;
  if (second !== undefined) {
    throw new KernscaleError(
      'TARGET_AMBIGUOUS',
      `"${target}" matches ${found.join(' and ')}; give a longer suffix`,
    );
  }
  if (only !== undefined) return only;
  const known = workloads.join(', ') || 'none so far';
  const hint = suggestion(target, [...namesByKey.values()].flat()) || `; there are decisions on ${known}`;
  throw new KernscaleError('TARGET_UNKNOWN', `no rule has decided on "${target}"${hint}`);
}

function heading({ trace, scale, group, minReplicas, maxReplicas }: Recommended): string {
  const allowed = `${minReplicas} to ${count(maxReplicas, 'replica')}`;
  return `${trace.workload}: rule "${scale}" of group "${group}", ${allowed}`;
}

function lastDecision(record: DecisionRecord, { now, status }: ScalerDecisions, paint: Paint): string[] {
  const done = [OUTCOME_TEXTS[record.outcome], record.error?.message ?? '']
    .filter((text) => text !== '')
    .join(': ');
  return [
    `${heading(record)}, decided ${round(now - record.at)} s ago`,
    ...paintDecision(record, paint),
    ...(done === '' ? [] : [paint('yellow', done)]),
    ...status.problems.map((problem) => paint('yellow', problem)),
  ];
}
