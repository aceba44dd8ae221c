import { commandLine, kubeconfigFlag, parseFlags } from '../../common/flags.js';
import { KernscaleError } from '../../common/errors.js';
import { loadKubeConfig } from '../../common/kubeconfig.js';
import { parseKey } from '../core/types.js';
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
function lacksOfOne(found: Assignment, live: Live): RuleError[] {
  const rule = { ...found.rule, source: writtenRule(found).source };
  const lacks = lacksOf([{ ...found.group, rules: [rule] }], live);
  return lacks.filter(({ code }) => code !== 'LINT_OTHER_AUTOSCALER');
}

/** The rule as the file has it, for one workload or for many. */
function writtenRule({ group, rule: { scale } }: Assignment) {
  return group.rules.find((rule) => rule.scale === scale)!;
}

function instructions(found: Assignment, owners: readonly Owner[]): string[] {
  const { key, group, rule } = found;
  const written = writtenRule(found);
  const place = `rule "${rule.scale}" of group "${group.name}" (${group.file}:${written.source.line})`;
  const active = owners.filter(({ isPaused }) => !isPaused);
  const scaledBy = owners.map(({ name, isPaused }) => `${name}${isPaused ? ' (paused)' : ''}`).join(' and ');
  const steps = [
    ...(rule.dryRun ? [endOfShadow(place, 'match' in written, owners.length > 0)] : []),
    ...active.map((owner) => takeOff(owner, group.interval)),
  ];
  return [
    ...wrap(`${key}: ${place}, ${rule.dryRun ? 'in shadow' : 'not in shadow'}`, ''),
    owners.length === 0 ? 'No other autoscaler scales it.' : `Scaled by ${scaledBy}.`,
    '',
    ...(steps.length > 0
      ? ['Hand over, in this order:', ...numbered(steps)]
      : ['It is handed over: the rule scales it.']),
    ...(owners.length > 0 ? ['', 'Go back, in this order:', ...numbered(goBack(place, owners))] : []),
  ];
}

interface Step {
  readonly text: string;
  readonly commands?: readonly string[];
}

/** The first step: a rule leaves the workload to the other until that has gone, so that there is neither a gap nor a fight. */
function endOfShadow(place: string, isFleet: boolean, waits: boolean): Step {
  const fleet =
    'It is for many workloads, and acts on all of them that no other autoscaler scales: to hand over only this one, write a rule of its own with scaleTargetRef. ';
  const wait =
    'It leaves the workload alone for as long as another scales it: go on once kernscale_rule_yields{reason="otherAutoscaler"} is 1 for it.';
  const end = `End the shadow of ${place}: delete "mode: shadow", and let the scaler reload the file. `;
  return { text: `${end}${isFleet ? fleet : ''}${waits ? wait : ''}` };
}

function takeOff({ name, handOver, remarks }: Owner, interval: number): Step {
  const text = `Take ${name} off: the rule decides in its next round, within ${interval} s, from the replicas that it finds. `;
  return { text: text + remarks.join(' '), commands: handOver };
}

function goBack(place: string, owners: readonly Owner[]): Step[] {
  const back = owners.map(({ name, goBack: commands }) => {
    const text = `Put ${name} back: the rule leaves the workload to it from its next round on.`;
    return { text, commands };
  });
  return [...back, { text: `Write "mode: shadow" into ${place} again.` }];
}

function numbered(steps: readonly Step[]): string[] {
  return steps.flatMap(({ text, commands = [] }, index) => [
    ...wrap(text, `  ${index + 1}. `, '     '),
    ...commands.map((command) => `       ${command}`),
  ]);
}
