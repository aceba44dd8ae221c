import { decideRound, explained } from '../core/decide-round.js';
import type { ExplainedDecision } from '../core/decision.js';
import type { WorkloadInput } from '../core/round.js';
import type { Rule, WorkloadKey } from '../core/types.js';
import { Histories } from '../loop/histories.js';
import type { RuleGroup } from '../rules/types.js';
import type { Controller, ServiceView, View } from './controller.js';

/**
 * Kernscale: the decision core, by rule files. A rule for a service by name takes precedence over one for a fleet, whose
 * selector is not asked.
 *
 * @param onDecision called with every decision, acted on or not
 */
export function kernscaleController(
  groups: readonly RuleGroup[],
  onDecision?: (key: WorkloadKey, decision: ExplainedDecision, now: number) => void,
): Controller {
  const histories = new Histories();
  const rules = new RuleFinder(groups);
  return {
    name: 'kernscale',
    interval: groups[0]!.interval,
    decide: (view, now) => {
      const { workloads, names } = inputOf(view, rules, histories);
      const replicas = new Map<string, number>();
      for (const [key, decision] of decideRound({ workloads, targets: names.keys() }, now)) {
        const { rule } = workloads.get(key)!;
        histories.set(key, rule!, decision.history);
        replicas.set(names.get(key)!, decision.replicas);
        onDecision?.(key, explained(rule!, decision), now);
      }
      return replicas;
    },
  };
}

function inputOf(view: View, rules: RuleFinder, histories: Histories) {
  const workloads = new Map<WorkloadKey, WorkloadInput>();
  const names = new Map<WorkloadKey, string>();
  for (const service of view.services.values()) {
    const { key, name } = service;
    const rule = rules.of(service);
    const samples = service.samples(rule?.objective ? [rule.objective.quantile] : []);
    workloads.set(key, { rule, samples, history: histories.get(key, rule) });
    if (rule) names.set(key, name);
  }
  return { workloads, names };
}

/** Finds the rule of each service, once. */
class RuleFinder {
  readonly #found = new Map<WorkloadKey, Rule | undefined>();

  constructor(private readonly groups: readonly RuleGroup[]) {}

  of({ key }: ServiceView): Rule | undefined {
    if (!this.#found.has(key)) this.#found.set(key, this.#find(key));
    return this.#found.get(key);
  }

  #find(key: WorkloadKey): Rule | undefined {
    const [namespace = '', kind = '', name = ''] = key.split('/');
    let ofFleet: Rule | undefined;
    for (const rule of this.groups.flatMap(({ rules }) => rules)) {
      if ('scaleTargetRef' in rule) {
        const { scaleTargetRef: ref } = rule;
        if (ref.namespace === namespace && ref.kind === kind && ref.name === name) return rule;
      } else if (rule.match.kind === kind && (rule.match.namespaces?.includes(namespace) ?? true)) {
        ofFleet ??= { ...rule, scaleTargetRef: { apiVersion: rule.match.apiVersion, kind, namespace, name } };
      }
    }
    return ofFleet;
  }
}
