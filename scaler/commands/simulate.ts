import type { Command } from 'commander';
import { commandLine, flag, parseFlags, seconds } from '../../common/flags.js';
import { KernscaleError } from '../../common/errors.js';
import { parseQuantity } from '../../common/quantity.js';
import { workloadKey } from '../core/types.js';
import { latencySignal, builtInSignals } from '../promql/signals.js';
import type { Assignment } from '../loop/assignments.js';
import { suggestion } from '../yaml/suggestion.js';
import type { RuleGroup } from '../rules/types.js';
import { parseProfile, type Profile } from '../simulate/profile.js';
import { CAVEAT, report, summarize } from '../simulate/report.js';
import { simulate as run, type Round } from '../simulate/run.js';
import { painter } from './paint.js';
import { wrong } from './past.js';
import { loadRulesOrTell } from './rules.js';

const DEFAULT_COLUMNS = 80;
/** How long it goes on after the last change of the load, unless told otherwise, seconds. */
const AFTERMATH = 900;
/** A simulation keeps every second of it. */
const LONGEST = 7 * 86_400;

interface Flags {
  readonly json?: boolean;
  readonly rule?: string;
  readonly load: Profile;
  readonly for?: number;
  readonly replicas?: number;
  readonly cpu: number;
  readonly lock: number;
  readonly disk: number;
  readonly wait: number;
  readonly request: number;
  readonly limit: number;
  readonly threads: number;
  readonly startup: number;
  readonly signal?: readonly string[];
}

/**
 * `kernscale simulate`: how a rule moves, against a model of a workload, without a cluster.
 *
 * @returns exit status: 0, or 1 on errors in files
 * @throws KernscaleError on wrong flags
 */
export async function simulate(argv: readonly string[]): Promise<number> {
  const command = flagsOf(commandLine('kernscale simulate', 'Run a rule against a model of a workload'));
  const flags = parseFlags<Flags>(command, argv);
  if (!flags) return 0;
  if (command.args.length === 0) {
    throw wrong(
      "no rule files given; for example: kernscale simulate rules/scaling/default.yaml --load='20 100@5m'",
    );
  }
  const groups = await loadRulesOrTell(command.args);
  if (!groups) return 1;
  const assignment = choose(groups, flags.rule);
  const { cpu, lock, disk, wait, request, limit, threads, startup, load, replicas } = flags;
  const length = flags.for ?? load.at(-1)!.from + AFTERMATH;
  if (!(length > 0 && length <= LONGEST)) throw wrong('--for must be longer than 0s and at most 7d');
  const rounds = run({
    assignment,
    work: { cpu, lock, disk, wait },
    pod: { request, limit, threads, startup },
    load,
    signals: ownSignals(assignment, flags.signal ?? []),
    replicas: replicas ?? assignment.rule.minReplicas,
    length,
  });
  if (flags.json) process.stdout.write(`${JSON.stringify(toJson(assignment, rounds))}\n`);
  else {
    const { isTTY, columns } = process.stdout;
    const width = isTTY ? (columns || DEFAULT_COLUMNS) - 8 : DEFAULT_COLUMNS - 8;
    process.stdout.write(`${report(assignment, rounds, width, painter(process.stdout)).join('\n')}\n`);
  }
  return 0;
}

function flagsOf(command: Command): Command {
  return command
    .argument('[files...]', 'rule files, folders, or patterns such as rules/*.yaml')
    .option('--rule <name>', 'which rule, where the files have several')
    .addOption(
      flag(
        '--load <steps>',
        'Requests per second: 20 at first, 100 from 5 minutes on',
        parseProfile('20 100@5m 20@15m'),
        parseProfile,
      ).default(parseProfile('20 100@5m 20@15m'), '"20 100@5m 20@15m"'),
    )
    .addOption(
      flag('--for <duration>', 'How long; default 15m after the last change of the load', undefined, seconds),
    )
    .addOption(flag('--replicas <number>', 'At the beginning; default minReplicas', undefined, wholeFrom(0)))
    .addOption(flag('--cpu <duration>', 'CPU time of a request', 0.02, seconds))
    .addOption(flag('--lock <duration>', 'Part of it under a lock that each pod has one of', 0, seconds))
    .addOption(flag('--disk <duration>', 'Time of a request on a disk that all pods share', 0, seconds))
    .addOption(flag('--wait <duration>', 'Time of a request waiting for a peer', 0, seconds))
    .addOption(flag('--request <cores>', 'CPU request of a pod', 0.5, cores))
    .addOption(flag('--limit <cores>', 'CPU limit of a pod', 1, cores))
    .addOption(flag('--threads <number>', 'Requests that a pod serves at once', 8, wholeFrom(1)))
    .addOption(flag('--startup <duration>', "From a pod's creation until it serves", 20, seconds))
    .option(
      '--signal <name=steps...>',
      "values of a signal of your own, in steps like the load's, or name=backlog: the requests that wait",
    )
    .option('--json', 'print one JSON object with every round in place of text');
}

function cores(text: string): number {
  const value = parseQuantity(text);
  if (value > 0) return value;
  throw new Error(`"${text}" is no number of cores above 0`);
}

function wholeFrom(least: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (/^\d{1,6}$/.test(text) && value >= least) return value;
    throw new Error(`"${text}" is no whole number from ${least} on`);
  };
}

/** The rule to run, and a workload for it. */
function choose(groups: readonly RuleGroup[], name: string | undefined): Assignment {
  const all = groups.flatMap((group) => group.rules.map((rule) => ({ group, rule })));
  const found = name === undefined ? all : all.filter(({ rule }) => rule.scale === name);
  const names = all.map(({ rule }) => rule.scale);
  const [only, second] = found;
  if (second) throw wrong(`the files have ${names.join(', ')}; say which with --rule`);
  if (!only) {
    const hint = suggestion(name ?? '', names) || `; there are ${names.join(', ') || 'none'}`;
    throw new KernscaleError('RULE_UNKNOWN', `no rule is named "${name ?? ''}"${hint}`);
  }
  const { group, rule } = only;
  if ('scaleTargetRef' in rule) return { key: workloadKey(rule.scaleTargetRef), group, rule };
  const { apiVersion, kind, namespace = 'default' } = rule.match;
  const ref = { apiVersion, kind, namespace, name: 'simulated' };
  return { key: workloadKey(ref), group, rule: { ...rule, scaleTargetRef: ref } };
}

/** What the model does not know must be given. */
function ownSignals(
  { group, rule }: Assignment,
  given: readonly string[],
): Record<string, Profile | 'backlog'> {
  const signals = Object.fromEntries(given.map(parseSignal));
  const known = [
    ...Object.keys(builtInSignals('1m')),
    ...(rule.objective ? [latencySignal(rule.objective.quantile)] : []),
  ];
  const needed = Object.keys(group.signals).filter((signal) => !known.includes(signal) && !signals[signal]);
  if (needed.length > 0) {
    throw wrong(
      `the model knows nothing of ${needed.join(', ')}; give it with --signal '${needed[0]!}=10 100@5m' or --signal ${needed[0]!}=backlog`,
    );
  }
  const useless = Object.keys(signals).find((signal) => !Object.hasOwn(group.signals, signal));
  if (useless !== undefined) {
    throw wrong(
      `group "${group.name}" has no signal "${useless}"${suggestion(useless, Object.keys(group.signals))}`,
    );
  }
  return signals;
}

function parseSignal(text: string): [string, Profile | 'backlog'] {
  const [, name, steps] = /^(\w+)=(.+)$/.exec(text) ?? [];
  if (name === undefined || steps === undefined)
    throw wrong(`"${text}" is no signal; write it like 'queue=10 100@5m'`);
  if (steps === 'backlog') return [name, steps];
  try {
    return [name, parseProfile(steps)];
  } catch (cause) {
    throw new KernscaleError('BAD_FLAG', `--signal ${name}`, { cause });
  }
}

function toJson(assignment: Assignment, rounds: readonly Round[]) {
  return {
    workload: assignment.key,
    group: assignment.group.name,
    rule: assignment.rule.scale,
    caveat: CAVEAT,
    summary: summarize(assignment, rounds),
    rounds: rounds.map(
      ({ at, load, ready, step, decision: { replicas, class: workloadClass, action, reason, trace } }) => {
        return {
          at,
          load,
          ready,
          ...step,
          currentReplicas: trace.currentReplicas,
          replicas,
          class: workloadClass,
          action,
          reason,
        };
      },
    ),
  };
}
