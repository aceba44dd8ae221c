import { count } from '../core/format.js';
import { calculatePodRequests } from '../core/group-pods.js';
import { isCpuDemand, targetsOf } from '../core/targets.js';
import { workloadKey, type Pod, type WorkloadKey } from '../core/types.js';
import type { WatchedWorkload } from '../kubernetes/objects.js';
import { assign, type Assignment } from '../loop/assignments.js';
import type { FleetRule, RuleError, RuleGroup, WorkloadRule } from '../rules/types.js';

/** Workloads of one rule that are named with the same lack. */
const MAX_NAMED = 5;

/** What a cluster holds now. */
export interface Live {
  readonly workloads: readonly WatchedWorkload[];
  /** Why a target has no replicas, one sentence. */
  readonly unknown: ReadonlyMap<WorkloadKey, string>;
  readonly pods: ReadonlyMap<WorkloadKey, readonly Pod[]>;
  /** Names of the autoscalers of others. */
  readonly autoscalers: ReadonlyMap<WorkloadKey, readonly string[]>;
}

interface Lack {
  readonly code: RuleError['code'];
  readonly key: WorkloadKey;
  readonly message: string;
}

/** What a cluster lacks, or has too much of, for these rules to scale what they name. Warnings at the position of each rule. */
export function lacksOf(groups: readonly RuleGroup[], live: Live): RuleError[] {
  const assignments = [...assign(groups, live.workloads).values()];
  return groups.flatMap((group) =>
    group.rules.flatMap((rule) => {
      const own = assignments.filter((one) => one.group === group && one.rule.scale === rule.scale);
      const at = { ...rule.source, group: group.name, rule: rule.scale };
      return [
        ...lackOfTarget(rule, own, live),
        ...shortened(own.flatMap((one) => lacksOfOne(one, live))),
      ].map(({ code, message }) => ({ ...at, code, message }));
    }),
  );
}

function lackOfTarget(
  rule: WorkloadRule | FleetRule,
  own: readonly Assignment[],
  { unknown }: Live,
): Pick<Lack, 'code' | 'message'>[] {
  if ('match' in rule) {
    return own.length > 0 ? [] : [{ code: 'LINT_NO_MATCH', message: 'matches no workload of the cluster' }];
  }
  const message = unknown.get(workloadKey(rule.scaleTargetRef));
  return message === undefined ? [] : [{ code: 'LINT_NO_TARGET', message }];
}

function lacksOfOne({ key, rule }: Assignment, { pods, autoscalers }: Live): Lack[] {
  const others = rule.dryRun ? [] : (autoscalers.get(key) ?? []);
  const needsRequest = targetsOf(rule).some((one) => isCpuDemand(one) && 'averageUtilization' in one);
  const requests = needsRequest ? calculatePodRequests(pods.get(key) ?? []) : undefined;
  const { faults = [], pause } = rule.restrictions ?? {};
  return [
    ...others.map((name): Lack => {
      const message = `${name} scales ${key}, so this rule leaves it alone; delete one of the two, or write mode: shadow`;
      return { code: 'LINT_OTHER_AUTOSCALER', key, message };
    }),
    ...(requests && 'fault' in requests
      ? [
          {
            code: 'LINT_NO_CPU_REQUEST',
            key,
            message: `${key}: ${requests.text}; set resources.requests.cpu, or give the target as averageValue`,
          } as const,
        ]
      : []),
    ...faults.map((fault): Lack => ({ code: 'LINT_ANNOTATION', key, message: `${key}: ${fault}` })),
    ...(pause ? [{ code: 'NOTE_PAUSED', key, message: `${key} is paused by its annotation` } as const] : []),
  ];
}

/** The first of each kind, and how many more there are. */
function shortened(lacks: readonly Lack[]): Pick<Lack, 'code' | 'message'>[] {
  return [...new Set(lacks.map(({ code }) => code))].flatMap((code) => {
    const same = lacks.filter((lack) => lack.code === code);
    const more = same.length - MAX_NAMED;
    const rest = more > 0 ? [{ code, message: `and ${count(more, 'more workload')} like these` }] : [];
    return [...same.slice(0, MAX_NAMED), ...rest];
  });
}
