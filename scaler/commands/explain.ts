import type { Command } from 'commander';
import { commandLine, flag, parseFlags } from '../../common/flags.js';
import { KernscaleError } from '../../common/errors.js';
import { decideAt } from '../backtest/decide-at.js';
import { withEvaluator } from '../backtest/evaluator/thread.js';
import { timeText } from '../backtest/report.js';
import { LONGEST_INTERVAL } from '../core/history.js';
import { count, round } from '../core/format.js';
import { parseKey, type WorkloadKey } from '../core/types.js';
import { recommended, type Recommended, type DecisionRecord, type Outcome } from '../loop/record.js';
import { prometheusFlags } from '../promql/flags.js';
import { painter, type Paint } from '../terminal.js';
import { suggestion } from '../yaml/suggestion.js';
import {
  actualFlag,
  badFlag,
  loadRules,
  namesOf,
  parseTime,
  PAST_TIMEOUT,
  prometheusOf,
  withoutSelectors,
} from './arguments.js';
import { fetchDecisions, type ScalerDecisions } from './scaler-client.js';
import { tellDecision } from './story.js';

const OUTCOMES: Record<Outcome, string> = {
  unchanged: '',
  applied: 'The replicas were changed.',
  dry_run: 'The replicas were not changed: the rule is a dry run.',
  not_leader: 'The replicas were not changed: another scaler leads.',
  conflict: 'The replicas were not changed: somebody else changed them meanwhile.',
  failed: 'The replicas could not be changed.',
};

type Flags = Readonly<Record<string, unknown>> & {
  readonly json?: boolean;
  readonly 'scaler.url': string;
  readonly at?: string;
  readonly actual: string;
};

/**
 * `kernscale explain`: why a workload has the replicas it has, from the last decision of a running scaler, or as rules
 * decide on what Prometheus knows.
 *
 * @returns exit status: 0, or 1 on errors in files
 */
export async function explain(argv: readonly string[]): Promise<number> {
  const command = commandLine('kernscale explain', 'Explain the decision about a workload')
    .argument('[target]', 'namespace/kind/name, or as much of its end as tells it from others')
    .argument('[files...]', 'rule files: decide by them on what Prometheus knows, without a running scaler')
    .option('--json', "print the decision's record in place of text")
    .addOption(flag('--scaler.url <url>', 'Address of the scaler', 'http://127.0.0.1:5001'))
    .option(
      '--at <time>',
      'with files, when: 2026-01-31T12:00:00Z, seconds since 1970, or how long ago; default now',
    )
    .addOption(actualFlag());
  for (const option of prometheusFlags(PAST_TIMEOUT)) command.addOption(option);
  const flags = parseFlags<Flags>(command, argv);
  if (!flags) return 0;
  const [target, ...files] = command.args;
  if (target === undefined) throw badFlag('no workload given; for example: kernscale explain shop/checkout');
  if (files.length > 0) return explainFromPrometheus(target, files, flags);
  refuseFlagsOfThePast(command);
  const answer = await fetchDecisions(flags['scaler.url']);
  const key = find(
    target,
    answer.decisions.map(({ trace }) => trace.workload),
  );
  const record = answer.decisions.find(({ trace }) => trace.workload === key)!;
  print(record, flags, (paint) => tellLast(record, answer, paint));
  return 0;
}

/** A flag that does nothing would let somebody believe that it does. */
function refuseFlagsOfThePast(command: Command): void {
  const given = command.options.filter(
    (option) =>
      /^--(at|actual|prometheus\..*)$/.test(option.long ?? '') &&
      command.getOptionValueSource(option.attributeName()) === 'cli',
  );
  if (given.length === 0) return;
  throw badFlag(
    `${given[0]!.long!} goes with rule files; for example: kernscale explain shop/checkout rules/scaling --prometheus.url=…`,
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
    decideAt({ groups: withoutSelectors(groups), evaluate, actual: flags.actual }, at, interval),
  );
  const key = find(target, workloads);
  const made = decisions.get(key);
  if (!made) {
    const message = `Prometheus does not know how many replicas ${key} had at ${timeText(at)}; --actual says where it looks`;
    throw new KernscaleError('REPLICAS_UNKNOWN', message);
  }
  const record = recommended(made.assignment, made.decision);
  print(record, flags, (paint) => [
    `${heading(record)}, as it was at ${timeText(at)}`,
    ...tellDecision(record, paint),
    paint(
      'dim',
      'From what Prometheus knows: pods that are not ready and labels of workloads are not looked at.',
    ),
  ]);
  return 0;
}

function print(record: object, flags: Flags, tell: (paint: Paint) => string[]): void {
  const text = flags.json ? JSON.stringify(record) : tell(painter(process.stdout)).join('\n');
  process.stdout.write(`${text}\n`);
}

/** @throws KernscaleError `TARGET_UNKNOWN` or `TARGET_AMBIGUOUS` */
function find(target: string, workloads: readonly WorkloadKey[]): WorkloadKey {
  const namesByKey = new Map(workloads.map((key) => [key, namesOf(parseKey(key))]));
  const found = workloads.filter((key) => namesByKey.get(key)!.includes(target));
  const [only, second] = found;
  if (second !== undefined) {
    throw new KernscaleError('TARGET_AMBIGUOUS', `"${target}" may be ${found.join(' and ')}; say which`);
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

function tellLast(record: DecisionRecord, { now, status }: ScalerDecisions, paint: Paint): string[] {
  const done = [OUTCOMES[record.outcome], record.error?.message ?? '']
    .filter((text) => text !== '')
    .join(' ');
  return [
    `${heading(record)}, decided ${round(now - record.at)} s ago`,
    ...tellDecision(record, paint),
    ...(done === '' ? [] : [paint('yellow', done)]),
    ...status.problems.map((problem) => paint('yellow', problem)),
  ];
}
