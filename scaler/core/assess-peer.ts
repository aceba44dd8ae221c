import { assess, type Assessment } from './assess.js';
import type { StepTrace } from './decision.js';
import { evidenceText, percent, times } from './format.js';
import { isAbsent, readSignal } from './reading.js';
import type { RoundInput, Samples, WorkloadInput } from './round.js';
import { targetsOf } from './targets.js';
import { TARGET, type Peer, type Rule, type WorkloadKey } from './types.js';

/** A peer's part in a wait, by its own signals. */
export interface PeerAssessment {
  /** `bottleneck`: it explains the wait. `waits`: it waits itself, look behind it. `cleared`: it explains nothing. */
  readonly kind: 'bottleneck' | 'waits' | 'cleared';
  readonly class: string;
  readonly why: string;
  /** CPU demand of a cleared peer. */
  readonly cores?: number;
}

/**
 * Assesses a peer of a waiter: by its own rule, without one by the thresholds of the waiter's rule.
 *
 * @param assessments of the workloads that a rule scales
 */
export function assessPeer(
  peer: Peer,
  waiterRule: Rule,
  workloads: RoundInput['workloads'],
  assessments: ReadonlyMap<WorkloadKey, Assessment>,
  now: number,
): PeerAssessment {
  if (peer.type === 'external') return bottleneck('external', 'is outside the cluster');
  if (peer.type === 'unresolved') return bottleneck('unresolved', peer.text);
  const input = workloads.get(peer.workload);
  if (!input) return bottleneck('unmanaged', 'has neither a rule nor metrics');
  const { rule, samples } = input;
  return rule
    ? assessManaged(samples, rule, assessments.get(peer.workload)!, now)
    : assessUnmanaged(input, waiterRule, now);
}

function assessManaged(samples: Samples, rule: Rule, assessment: Assessment, now: number): PeerAssessment {
  const step = active(assessment);
  if (step) return assessStep(step, describe(step, assessment));
  if (assessment.missing.length > 0) {
    const names = assessment.missing.map(({ signal }) => signal).join(', ');
    return { kind: 'cleared', class: 'unknown', why: `has no data for ${names}` };
  }
  const { sizing } = assessment;
  const load = isAbsent(sizing) ? '' : ` (${percent(sizing.trace.ratio)} of target)`;
  const cpu = readSignal(samples, 'cpu', rule, now);
  const cores = isAbsent(cpu) ? 0 : cpu.value;
  return { kind: 'cleared', class: 'none', why: `is not saturated${load}`, cores };
}

function assessUnmanaged({ samples, history }: WorkloadInput, waiterRule: Rule, now: number): PeerAssessment {
  const sizedBy = targetsOf(waiterRule).map(({ signal }) => signal);
  const decide = waiterRule.decide.filter(
    ({ bound, when = {} }) => !sizedBy.includes(bound) && !(TARGET in when),
  );
  const assessment = assess({ ...waiterRule, decide }, samples, history, undefined, now);
  const step = active(assessment);
  if (!step) return bottleneck('unmanaged', 'has no rule');
  const found = assessStep(step, describe(step, assessment));
  return found.kind === 'waits' ? found : { ...found, why: `${found.why} and has no rule` };
}

/** A pending step counts as well: the waiter's own step has already held for its time. */
function active({ classification }: Assessment): StepTrace | undefined {
  return classification.traces.find(({ outcome }) => outcome !== 'no' && outcome !== 'unknown');
}

function assessStep(step: StepTrace, why: string): PeerAssessment {
  return { kind: step.action === 'follow' ? 'waits' : 'bottleneck', class: step.class, why };
}

function describe(step: StepTrace, { sizing }: Assessment): string {
  if (step.action === 'scale' && !isAbsent(sizing)) {
    return `is at ${times(sizing.trace.ratio)} its target`;
  }
  const [first] = step.evidence;
  const share = first?.value === undefined ? '' : ` (${evidenceText(first)})`;
  return step.action === 'follow' ? `waits itself${share}` : `is ${step.class}-bound${share}`;
}

function bottleneck(workloadClass: string, why: string): PeerAssessment {
  return { kind: 'bottleneck', class: workloadClass, why };
}
