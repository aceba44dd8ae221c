import type { Command } from 'commander';
import { commandLine, flag, parseFlags, seconds } from '../../common/flags.js';
import { KernscaleError } from '../../common/errors.js';
import { own } from '../../common/own.js';
import { parseQuantity } from '../../common/quantity.js';
import { workloadKey } from '../core/types.js';
import type { Assignment } from '../loop/assignments.js';
import { builtInSignals, latencySignal } from '../promql/signals.js';
import type { RuleGroup } from '../rules/types.js';
import { CAVEAT, report, summarize } from '../simulate/report.js';
import { parseProfile, type Profile } from '../simulate/profile.js';
import type { Threads } from '../simulate/scenario.js';
import { simulate as run, type Simulated } from '../simulate/simulate.js';
import { painter, plotColumns } from '../terminal.js';
import { suggestion } from '../rules/suggestion.js';
import { badFlag, filesOf, loadRules } from './arguments.js';

/** Default time to simulate after the last change of the load, seconds. */
const AFTERMATH = 900;
/** Every round is kept in memory. */
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
  readonly limit: number | 'none';
  readonly threads: Threads;
  readonly startup: number;
  readonly seed: number;
  readonly signal?: readonly string[];
}

/**
 * `kernscale simulate`: runs a rule against a model of a workload, without a cluster.
 *
 * @returns exit status: 0, or 1 on errors in rule files
 * @throws KernscaleError on wrong flags
 */
export async function simulate(argv: readonly string[]): Promise<number> {
  const command = modelFlags(
    flagsOf(commandLine('kernscale simulate', 'Run a rule against a simulated workload')),
  );
  const flags = parseFlags<Flags>(command, argv);
  if (!flags) return 0;
  const files = filesOf(command, "kernscale simulate rules/scaling/default.yaml --load='20 100@5m'");
  const groups = await loadRules(files);
  if (!groups) return 1;
  const assignment = selectRule(groups, flags.rule);
  const { cpu, lock, disk, wait, request, threads, startup, load, replicas, seed } = flags;
  const limit = flags.limit === 'none' ? undefined : flags.limit;
  const length = flags.for ?? load.at(-1)!.from + AFTERMATH;
  if (!(length > 0 && length <= LONGEST)) throw badFlag('--for must be longer than 0s and at most 7d');
  const simulated = run({
    assignment,
    work: { cpu, lock, disk, wait },
    pod: { request, limit, threads, startup },
    load,
    signals: customSignals(assignment, flags.signal ?? []),
    replicas: replicas ?? assignment.rule.minReplicas,
    length,
    seed,
  });
  if (flags.json) process.stdout.write(`${JSON.stringify(toJson(assignment, simulated))}\n`);
  else {
    const width = plotColumns(process.stdout);
    process.stdout.write(`${report(assignment, simulated, width, painter(process.stdout)).join('\n')}\n`);
  }
  return 0;
}

function flagsOf(command: Command): Command {
  return command
    .argument('[files...]', 'Rule files, folders, or patterns such as rules/*.yaml')
    .option('--rule <name>', 'Rule to run, if the files have several')
    .addOption(
      flag(
        '--load <steps>',
        'Requests per second: 20 at first, 100 after 5 minutes',
        parseProfile('20 100@5m 20@15m'),
        parseProfile,
      ).default(parseProfile('20 100@5m 20@15m'), '"20 100@5m 20@15m"'),
    )
    .addOption(
      flag(
        '--for <duration>',
        'Time to simulate; default: until 15m after the last change of the load',
        undefined,
        seconds,
      ),
    )
    .addOption(
      flag('--replicas <number>', 'Replicas at the start; default minReplicas', undefined, wholeFrom(0)),
    )
    .addOption(flag('--seed <number>', 'Seed of the arrivals', 1, wholeFrom(0)))
    .option(
      '--signal <name=steps...>',
      'Values of a custom signal, in steps like the load, or name=backlog for the number of waiting requests',
    )
    .option('--json', 'Print one JSON object with every round instead of text');
}

/** The workload: what a request takes, and what a pod has. */
function modelFlags(command: Command): Command {
  return command
    .addOption(flag('--cpu <duration>', 'CPU time per request', 0.02, seconds))
    .addOption(flag('--lock <duration>', 'Part of the CPU time spent under a lock of the pod', 0, seconds))
    .addOption(
      flag('--disk <duration>', 'Disk time per request, on one disk that all pods share', 0, seconds),
    )
    .addOption(flag('--wait <duration>', 'Time per request waiting for a peer', 0, seconds))
    .addOption(flag('--request <cores>', 'CPU request of a pod', 0.5, cores))
    .addOption(flag('--limit <cores>', 'CPU limit of a pod, or none', 1, limitOf))
    .addOption(
      flag(
        '--threads <number>',
        'Threads of a pod, one per request; loop: one for all (Node); unbounded: as many as needed (Go)',
        8,
        threadsOf,
      ),
    )
    .addOption(flag('--startup <duration>', "Time from a pod's creation until it serves", 20, seconds));
}

function cores(text: string): number {
  const value = parseQuantity(text);
  if (value > 0) return value;
  throw new Error(`"${text}" is not a number of cores above 0`);
}

function limitOf(text: string): number | 'none' {
  return text === 'none' ? text : cores(text);
}

function threadsOf(text: string): Threads {
  return text === 'loop' || text === 'unbounded' ? text : wholeFrom(1)(text);
}

function wholeFrom(least: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (/^\d{1,6}$/.test(text) && value >= least) return value;
    throw new Error(`"${text}" is not a whole number of at least ${least}`);
  };
}

/** Selects the rule to run, with a workload for it. */
function selectRule(groups: readonly RuleGroup[], name: string | undefined): Assignment {
  const all = groups.flatMap((group) => group.rules.map((rule) => ({ group, rule })));
  const found = name === undefined ? all : all.filter(({ rule }) => rule.scale === name);
  const names = all.map(({ rule }) => rule.scale);
  const [only, second] = found;
  if (second) throw badFlag(`the files have several rules: ${names.join(', ')}; select one with --rule`);
  if (!only) {
    const hint = suggestion(name ?? '', names) || `; there are ${names.join(', ') || 'none'}`;
    throw new KernscaleError('RULE_UNKNOWN', `no rule is named "${name ?? ''}"${hint}`);
  }
  const { group, rule } = only;
  if ('scaleTargetRef' in rule) return { key: workloadKey(rule.scaleTargetRef), group, rule };
  const { apiVersion, kind, namespaces: [namespace = 'default'] = [] } = rule.match;
  const ref = { apiVersion, kind, namespace, name: 'simulated' };
  return { key: workloadKey(ref), group, rule: { ...rule, scaleTargetRef: ref } };
}

/** Values of the signals that the model cannot produce. */
function customSignals(
  { group, rule }: Assignment,
  given: readonly string[],
): Record<string, Profile | 'backlog'> {
  const signals = Object.fromEntries(given.map(parseSignal));
  const modelled = [
    ...Object.keys(builtInSignals('1m')),
    ...(rule.objective ? [latencySignal(rule.objective.quantile)] : []),
  ];
  const shared = Object.keys(group.signals).filter((signal) => !signal.includes('/'));
  const names = [...shared, ...Object.keys(own(group.own ?? {}, rule.scale) ?? {})];
  const needed = names.filter((signal) => !modelled.includes(signal) && !Object.hasOwn(signals, signal));
  if (needed.length > 0) {
    throw badFlag(
      `the model has no values for ${needed.join(', ')}; pass --signal '${needed[0]!}=10 100@5m' or --signal ${needed[0]!}=backlog`,
    );
  }
  const unknown = Object.keys(signals).find((signal) => !names.includes(signal));
  if (unknown !== undefined) {
    throw badFlag(`group "${group.name}" has no signal "${unknown}"${suggestion(unknown, names)}`);
  }
  return signals;
}

function parseSignal(text: string): [string, Profile | 'backlog'] {
  const [, name, steps] = /^(\w+)=(.+)$/.exec(text) ?? [];
  if (name === undefined || steps === undefined)
    throw badFlag(`"${text}" is not a signal; write it like 'queue=10 100@5m'`);
  if (steps === 'backlog') return [name, steps];
  try {
    return [name, parseProfile(steps)];
  } catch (cause) {
    throw new KernscaleError('BAD_FLAG', `--signal ${name}`, { cause });
  }
}

function toJson(assignment: Assignment, simulated: Simulated) {
  return {
    workload: assignment.key,
    group: assignment.group.name,
    rule: assignment.rule.scale,
    caveat: CAVEAT,
    summary: summarize(assignment, simulated),
    rounds: simulated.rounds.map(({ at, load, ready, step, decision }) => {
      const { replicas, class: workloadClass, action, reason, trace } = decision;
      const { currentReplicas } = trace;
      return { at, load, ready, ...step, currentReplicas, replicas, class: workloadClass, action, reason };
    }),
  };
}
