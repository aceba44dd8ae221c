import { selects } from '../../common/label-selector.js';
import { restrict } from '../core/restrictions.js';
import { workloadKey, type Rule, type ScaleTargetRef, type WorkloadKey } from '../core/types.js';
import type { WatchedWorkload } from '../kubernetes/objects.js';
import type { RuleGroup, WorkloadMatch } from '../rules/types.js';

/** A workload and the one rule that scales it. */
export interface Assignment {
  readonly key: WorkloadKey;
  readonly group: RuleGroup;
  readonly rule: Rule;
}

/**
 * Assigns every workload to at most one rule: to the rule that names it, else to the first fleet rule that it matches,
 * in the order of the files. Two rules that scale one workload would fight. The annotations of the workload restrict the
 * rule.
 */
export function assign(
  groups: readonly RuleGroup[],
  workloads: readonly WatchedWorkload[],
): ReadonlyMap<WorkloadKey, Assignment> {
  const assignments = new Map<WorkloadKey, Assignment>();
  /** Workloads of namespaces that are not known: whether an earlier rule matches them is not known either. */
  const undecided = new Set<ScaleTargetRef>();
  const add = (group: RuleGroup, rule: Rule): void => {
    const key = workloadKey(rule.scaleTargetRef);
    if (!assignments.has(key)) assignments.set(key, { key, group, rule });
  };
  for (const group of groups) {
    for (const rule of group.rules) if ('scaleTargetRef' in rule) add(group, rule);
  }
  for (const group of groups) {
    for (const rule of group.rules) {
      if (!('match' in rule)) continue;
      for (const workload of workloads) {
        const { ref } = workload;
        if (undecided.has(ref) || !matches(rule.match, workload)) continue;
        if (isInNamespace(rule.match, workload)) add(group, { ...rule, scaleTargetRef: ref });
        else if (!workload.namespaceLabels) undecided.add(ref);
      }
    }
  }
  for (const { ref, annotations } of workloads) {
    const key = workloadKey(ref);
    const assignment = annotations && assignments.get(key);
    if (assignment) assignments.set(key, { ...assignment, rule: restrict(assignment.rule, annotations) });
  }
  return assignments;
}

function matches(
  { apiVersion, kind, namespaces, selector }: WorkloadMatch,
  { ref, labels }: WatchedWorkload,
): boolean {
  return (
    ref.apiVersion === apiVersion &&
    ref.kind === kind &&
    (namespaces?.includes(ref.namespace) ?? true) &&
    selects(selector, labels)
  );
}

/** By the labels of the Namespace object; false where they are needed and not known. */
function isInNamespace({ namespaceSelector }: WorkloadMatch, { namespaceLabels }: WatchedWorkload): boolean {
  if (!namespaceSelector) return true;
  return namespaceLabels !== undefined && selects(namespaceSelector, namespaceLabels);
}
