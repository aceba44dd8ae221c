import { assess, TARGET, type Assessment } from './assess.js';
import { round } from './format.js';
import { isAbsent, readSignal } from './reading.js';
import type { Neighbour, Neighbourhood, Peer, Rule, StepTrace } from './types.js';

/** What a peer's own signals say about its part in somebody's waiting. */
export interface Verdict {
  /** `culprit`: it explains the wait. `waits`: it waits itself, look behind it. `cleared`: it explains nothing. */
  readonly kind: 'culprit' | 'waits' | 'cleared';
  readonly class: string;
  readonly why: string;
  /** CPU that a cleared peer asks for. */
  readonly cores?: number;
}

/** Judges a peer by its own signals, with its own rule; without one, by the thresholds of the waiter's rule. */
export function judge(peer: Peer, waiterRule: Rule, neighbourhood: Neighbourhood, now: number): Verdict {
  if (peer.type === 'external') return culprit('external', 'it is outside the cluster');
  if (peer.type === 'unresolved') return culprit('unresolved', peer.text);
  const neighbour = neighbourhood.get(peer.workload);
  if (!neighbour) return culprit('unmanaged', 'no rule scales it and nothing is measured of it');
  const { rule } = neighbour;
  return rule ? judgeManaged(neighbour, rule, now) : judgeUnmanaged(neighbour, waiterRule, now);
}

function judgeManaged(neighbour: Neighbour, rule: Rule, now: number): Verdict {
  const assessment = assess(rule, neighbour.samples, neighbour.history, now);
  const step = active(assessment);
  if (step) return judgeClass(step, describe(step, assessment));
  if (assessment.missing.length > 0) {
    const names = assessment.missing.map(({ signal }) => signal).join(', ');
    return { kind: 'cleared', class: 'unknown', why: `it cannot be judged without ${names}` };
  }
  const { sizing } = assessment;
  const load = isAbsent(sizing) ? '' : `: its demand is ${round(sizing.trace.ratio)} times its target`;
  const cpu = readSignal(neighbour.samples, 'cpu', rule, now);
  const cores = isAbsent(cpu) ? 0 : cpu.value;
  return { kind: 'cleared', class: 'none', why: `nothing of its own holds it up${load}`, cores };
}

function judgeUnmanaged(neighbour: Neighbour, waiterRule: Rule, now: number): Verdict {
  const decide = waiterRule.decide.filter((step) => !(TARGET in step.when));
  const assessment = assess({ ...waiterRule, decide }, neighbour.samples, neighbour.history, now);
  const step = active(assessment);
  if (!step) return culprit('unmanaged', 'no rule scales it');
  const verdict = judgeClass(step, describe(step, assessment));
  return verdict.kind === 'waits' ? verdict : { ...verdict, why: `${verdict.why}; no rule scales it` };
}

/** A step that still waits for its time counts as well: the waiter has waited for its own time already. */
function active({ classification }: Assessment): StepTrace | undefined {
  return classification.traces.find(({ outcome }) => outcome !== 'no' && outcome !== 'unknown');
}

function judgeClass(step: StepTrace, why: string): Verdict {
  return { kind: step.action === 'follow' ? 'waits' : 'culprit', class: step.class, why };
}

function describe(step: StepTrace, { sizing }: Assessment): string {
  if (step.action === 'scale' && !isAbsent(sizing)) {
    return `its own demand is ${round(sizing.trace.ratio)} times its target`;
  }
  const [first] = step.evidence;
  const share = first?.value === undefined ? '' : ` (${first.signal} ${round(first.value)})`;
  return step.action === 'follow' ? `it waits itself${share}` : `it is ${step.class}-bound itself${share}`;
}

function culprit(workloadClass: string, why: string): Verdict {
  return { kind: 'culprit', class: workloadClass, why };
}
