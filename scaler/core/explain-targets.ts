import type { TargetTrace, Unexplained } from './decision.js';
import type { Row, Section } from './details-requests.js';
import { amount, count, figure, times } from './format.js';

/** What the targets that do not decide call for, to follow the load: `; cpu alone needs 2, queue is unknown (no series)`. */
export function othersText({ targets = [] }: Pick<Unexplained, 'targets'>): string {
  const others = targets.filter(({ decides }) => !decides).map(otherText);
  return others.length > 0 ? `; ${others.join(', ')}` : '';
}

function otherText({ signal, replicas, text = 'no data' }: TargetTrace): string {
  return replicas === undefined ? `${signal} is unknown (${text})` : `${signal} alone needs ${replicas}`;
}

/** True where another target keeps the replicas though the load of the one that decides goes down. */
export function isBacked({ targets = [], stages: { clamped } }: Unexplained): boolean {
  return targets.some(({ decides, replicas }) => !decides && (replicas ?? Infinity) >= clamped);
}

/** All targets of a rule with several, and which of them decides. */
export function targetsSection(targets: readonly TargetTrace[]): Section {
  return { title: 'Targets: the largest decides', rows: targets.map(targetRow) };
}

function targetRow(target: TargetTrace): Row {
  const { signal, demand, targetPerPod, targetValue, ratio, replicas, decides, text = 'no data' } = target;
  if (demand === undefined || ratio === undefined || replicas === undefined) {
    return { name: signal, text: `unknown (${text})`, tone: 'bad' };
  }
  const of =
    targetPerPod === undefined
      ? `target ${figure(signal, targetValue ?? 0)}`
      : `target ${figure(signal, targetPerPod)} per pod`;
  return {
    name: signal,
    text: `${amount(signal, demand)}, ${of} (${times(ratio)}) → ${count(replicas, 'replica')}`,
    ...(decides && { tone: 'good' }),
  };
}
