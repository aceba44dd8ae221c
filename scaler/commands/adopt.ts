import { commandLine, kubeconfigFlag, parseFlags } from '../../common/flags.js';
import { KernscaleError } from '../../common/errors.js';
import { loadKubeConfig } from '../../common/kubeconfig.js';
import { parseKey, type Rule } from '../core/types.js';
import { wrap } from '../wrap.js';
import { ownersOf, type Owner } from '../import/hand-over.js';
import { readAutoscalers } from '../import/live.js';
import { assign, type Assignment } from '../loop/assignments.js';
import { formatRuleError } from '../rules/load.js';
import type { RuleError, RuleGroup } from '../rules/types.js';
import { badFlag, loadRules, namesOf } from './arguments.js';
import { lacksOf, type Live } from './live.js';
import { readLive } from './live-cluster.js';

/**
 * `kernscale adopt`: says how to hand a workload over from its autoscaler to a rule. It reads the cluster, and changes
 * nothing.
 *
 * @returns exit status: 0 if nothing stands in the way, else 1
 * @throws KernscaleError on wrong flags; `ADOPT_NO_RULE`; `API_…` if the cluster cannot be read
 */
export async function adopt(argv: readonly string[]): Promise<number> {
  const command = commandLine('kernscale adopt', 'Say how to hand a workload over from HPA or KEDA to a rule')
    .argument('[workload]', 'namespace/name, or namespace/kind/name')
    .argument('[files...]', 'Rule files, folders, or patterns such as rules/*.yaml')
    .addOption(kubeconfigFlag());
  const flags = parseFlags<Readonly<Record<string, unknown>>>(command, argv);
  if (!flags) return 0;
  const [workload, ...files] = command.args;
  if (workload === undefined || files.length === 0) {
    throw badFlag('it needs a workload and rule files; for example: kernscale adopt shop/web rules.yaml');
  }
  const groups = await loadRules(files);
  if (!groups) return 1;
  const config = loadKubeConfig(flags['kubernetes.kubeconfig'] as string | undefined);
  const { problems, ...live } = await readLive(config, groups);
  for (const problem of problems) process.stderr.write(`warning: ${problem}\n`);
  const found = findAssignment(groups, live, workload);
  const { scaleTargetRef } = found.rule;
  const owners = ownersOf(await readAutoscalers(config, scaleTargetRef.namespace), scaleTargetRef);
  const lacks = lacksOfOne(found, live);
  for (const lack of lacks) process.stderr.write(`${formatRuleError(lack)} [${lack.code}]\n`);
  process.stdout.write(`${instructions(found, owners).join('\n')}\n`);
  return lacks.length === 0 ? 0 : 1;
}

/** @throws KernscaleError `BAD_FLAG` or `ADOPT_NO_RULE` */
function findAssignment(groups: readonly RuleGroup[], live: Live, workload: string): Assignment {
  const assignments = [...assign(groups, live.workloads).values()];
  const [found, second] = assignments.filter(({ key }) => namesOf(parseKey(key)).includes(workload));
  if (found && !second) return found;
  if (second) throw badFlag(`${workload} is ${found!.key} and ${second.key}; give one of the two`);
  throw new KernscaleError(
    'ADOPT_NO_RULE',
    `no rule scales ${workload}; write one with kernscale import, or see what the rules match with kernscale check --live`,
  );
}

/** What the workload lacks for its rule, except that another scales it. */
function lacksOfOne({ group, rule }: Assignment, live: Live): RuleError[] {
  const lacks = lacksOf([{ ...group, rules: [{ ...rule, source: sourceOf(group, rule) }] }], live);
  return lacks.filter(({ code }) => code !== 'LINT_OTHER_AUTOSCALER');
}

function sourceOf(group: RuleGroup, { scale }: Rule) {
  return group.rules.find((rule) => rule.scale === scale)!.source;
}

function instructions({ key, group, rule }: Assignment, owners: readonly Owner[]): string[] {
  const { line } = sourceOf(group, rule);
  const place = `${group.file}:${line}`;
  const active = owners.filter(({ isPaused }) => !isPaused);
  const state = rule.dryRun ? 'in shadow' : 'not in shadow';
  const scaledBy = owners.map(({ name, isPaused }) => `${name}${isPaused ? ' (paused)' : ''}`).join(' and ');
  return [
    `${key}: rule "${rule.scale}" of group "${group.name}" (${place}), ${state}`,
    owners.length === 0 ? 'No other autoscaler scales it.' : `Scaled by ${scaledBy}.`,
    ...(rule.dryRun || active.length > 0
      ? ['', 'Hand over, in this order:', ...numbered(handOver(rule, place, active, group.interval))]
      : ['', 'It is handed over: the rule scales it.']),
    ...(owners.length === 0 ? [] : ['', 'Go back, in this order:', ...numbered(goBack(rule, place, owners))]),
  ];
}

interface Step {
  readonly text: string;
  readonly commands?: readonly string[];
}

/** The rule first: it leaves the workload to the other until that has gone, so that there is neither a gap nor a fight. */
function handOver(
  { scale, dryRun }: Rule,
  place: string,
  owners: readonly Owner[],
  interval: number,
): Step[] {
  const end = {
    text: `End the shadow: delete "mode: shadow" from rule "${scale}" at ${place}, and let the scaler reload it.`,
  };
  const waits = `It leaves the workload alone while another scales it (kernscale_rule_yields{reason="otherAutoscaler"} is 1).`;
  return [
    ...(dryRun ? [owners.length === 0 ? end : { text: `${end.text} ${waits}` }] : []),
    ...owners.map(({ name, handOver: commands, remarks }) => ({
      text: `Take ${name} off: the rule decides in its next round, within ${interval} s, from the replicas that it finds. ${remarks.join(' ')}`,
      commands,
    })),
  ];
}

function goBack({ scale }: Rule, place: string, owners: readonly Owner[]): Step[] {
  return [
    ...owners.map(({ name, goBack: commands }) => ({
      text: `Put ${name} back: the rule leaves the workload to it from its next round on.`,
      commands,
    })),
    { text: `Write "mode: shadow" into rule "${scale}" at ${place} again.` },
  ];
}

function numbered(steps: readonly Step[]): string[] {
  return steps.flatMap(({ text, commands = [] }, index) => [
    ...wrap(text, `  ${index + 1}. `, '     '),
    ...commands.map((command) => `       ${command}`),
  ]);
}
