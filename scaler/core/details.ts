import { demandRows, harmSection, type Row, type Section } from './details-requests.js';
import { targetsSection } from './explain-targets.js';
import { amount, conditionText, count, nameOf, percent, round } from './format.js';
import { scheduleEnd } from './explain-schedule.js';
import { sleepRows } from './explain-sleep.js';
import type {
  BindingConstraint,
  Candidate,
  Decision,
  InputTrace,
  StagesTrace,
  StepTrace,
} from './decision.js';
import { BOUNDS } from './restrictions.js';
import type { Restrictions, StepAction } from './types.js';

const STAGES: readonly [keyof StagesTrace, string][] = [
  ['raw', 'demand ÷ target'],
  ['tolerance', 'tolerance'],
  ['floor', 'floor (no scale-down without complete data)'],
  ['stabilized', 'stabilization window'],
  ['rateLimited', 'scaling policies'],
  ['clamped', 'minReplicas to maxReplicas'],
];

const CONSTRAINTS: Record<BindingConstraint, string> = {
  none: 'demand',
  scalingDisabled: 'scaling is off at 0 replicas',
  otherAutoscaler: 'another autoscaler',
  paused: 'paused by annotation',
  otherWriter: 'changed by another writer',
  noData: 'missing data',
  fallback: 'fallback (missing data)',
  idle: 'idle',
  activation: 'activation',
  hold: 'hold (more replicas would not help)',
  dependency: 'hold (waiting on a peer)',
  noScaleDown: 'scale-down blocked',
  tolerance: 'tolerance',
  unmeasuredPods: 'pods without data',
  stabilization: 'stabilization window',
  scaleUpLimit: 'scaleUp policy',
  scaleDownLimit: 'scaleDown policy',
  minReplicas: 'minReplicas',
  maxReplicas: 'maxReplicas',
};

/** Constraints that skip all stages. */
const HELD: ReadonlySet<BindingConstraint> = new Set([
  'scalingDisabled',
  'otherAutoscaler',
  'paused',
  'otherWriter',
  'noData',
  'fallback',
  'activation',
  'hold',
  'dependency',
]);

const OUTCOMES: Record<StepTrace['outcome'], string> = {
  matched: 'matched',
  keeping: 'matched recently, within keepFor',
  pending: 'matches, but not long enough yet',
  no: 'did not match',
  unknown: 'cannot tell',
};

const ACTIONS: Record<StepAction, string> = {
  scale: 'scale by demand',
  hold: 'hold',
  step: 'grow once and watch',
  follow: 'look for the bottleneck among its peers',
};

/** `2 → 6 replicas`, or the number alone where it does not change. */
export function replicasText(current: number, replicas: number): string {
  return current === replicas ? count(replicas, 'replica') : `${current} → ${count(replicas, 'replica')}`;
}

/** Returns inputs, demand, harm, class, walk and stages of a decision, in the order in which it is made. */
export function detailsOf({ class: workloadClass, trace }: Pick<Decision, 'class' | 'trace'>): Section[] {
  const { inputs, demand, targets, harm, steps, walk, bindingConstraint, idlePods, noScaleDown } = trace;
  return [
    { title: 'Measured', rows: inputRows(inputs) },
    ...(demand ? [{ title: 'Demand', rows: demandRows(demand) }] : []),
    ...(targets ? [targetsSection(targets)] : []),
    ...(harm ? [harmSection(harm, trace.at)] : []),
    { title: `Class: ${workloadClass}`, rows: steps.map(stepRow) },
    ...(walk
      ? [
          {
            title: `Path walked: ${walk.path.map(nameOf).join(' → ')}`,
            rows: [
              ...(walk.bottleneck
                ? [candidateRow('bottleneck', walk.bottleneck, 'good')]
                : [{ name: 'bottleneck', text: 'none found' }]),
              ...walk.rejected.map((candidate) => candidateRow('rejected', candidate)),
            ],
          },
        ]
      : []),
    {
      title: 'Replicas',
      rows: [
        { name: 'current', text: `${trace.currentReplicas}` },
        ...(idlePods
          ? [{ name: 'do not run', text: `${count(idlePods, 'pod')}, idle when scaling down` }]
          : []),
        ...(HELD.has(bindingConstraint) ? [] : stageRows(trace.currentReplicas, trace.stages)),
        { name: 'deciding constraint', text: CONSTRAINTS[bindingConstraint], tone: 'good' },
        ...scheduleRows(trace),
        ...sleepRows(trace.sleep),
        ...restrictionRows(trace.restrictions),
        ...noScaleDown.map((text): Row => ({ name: 'no scale-down', text })),
      ],
    },
  ];
}

/** One row for each value, and one for each cause of missing data. */
function inputRows(inputs: readonly InputTrace[]): Row[] {
  const absent = new Map<string, string[]>();
  for (const { signal, value, text = 'no data' } of inputs) {
    if (value === undefined) absent.set(text, [...(absent.get(text) ?? []), signal]);
  }
  return [
    ...inputs.flatMap(({ signal, value, ageSeconds }): Row[] => {
      if (value === undefined) return [];
      const age = ageSeconds === undefined ? '' : `, ${round(ageSeconds)} s old`;
      return [{ name: signal, text: `${amount(signal, value)}${age}` }];
    }),
    ...[...absent].map(([cause, signals]): Row => {
      const names = signals.length === inputs.length ? 'all signals' : signals.join(', ');
      return { name: 'no data', text: `${names} (${cause})`, tone: 'bad' };
    }),
  ];
}

/** One row for each schedule in force: what it changes, and its end. */
function scheduleRows({ schedules = [], at }: Pick<Decision['trace'], 'schedules' | 'at'>): Row[] {
  return schedules.map((schedule): Row => {
    const { name, minReplicas, maxReplicas, noScaleDown } = schedule;
    const effects = [
      ...(minReplicas === undefined ? [] : [`at least ${count(minReplicas, 'replica')}`]),
      ...(maxReplicas === undefined ? [] : [`at most ${count(maxReplicas, 'replica')}`]),
      ...(noScaleDown ? ['no scale-down'] : []),
    ];
    return { name: 'schedule', text: `${name}: ${effects.join(', ')}, until ${scheduleEnd(schedule, at)}` };
  });
}

/** The bounds that annotations narrow, and the annotations that cannot be followed. */
function restrictionRows(restrictions: Restrictions | undefined): Row[] {
  if (!restrictions) return [];
  const bounds = (['minReplicas', 'maxReplicas'] as const).flatMap((bound): Row[] => {
    const value = restrictions[bound];
    return value === undefined ? [] : [{ name: bound, text: `${value}, by the annotation ${BOUNDS[bound]}` }];
  });
  return [...bounds, ...restrictions.faults.map((text): Row => ({ name: 'ignored', text, tone: 'bad' }))];
}

function stepRow({ class: name, action, outcome, evidence, heldSeconds }: StepTrace): Row {
  const held = heldSeconds ? ` for ${Math.round(heldSeconds)} s` : '';
  // A step without conditions of its own matches the cause of harm.
  const conditions = evidence.map(conditionText).join(', ') || 'cause of harm';
  const text = `${OUTCOMES[outcome]}: ${conditions}${held}`;
  if (outcome !== 'matched' && outcome !== 'keeping') return { name, text };
  return { name, text: `${text} → ${ACTIONS[action]}`, tone: 'good' };
}

function candidateRow(name: string, { peer, share, why }: Candidate, tone?: Row['tone']): Row {
  const text = `${nameOf(peer)} (${percent(share)} of the wait) ${why}`;
  return { name, text, ...(tone && { tone }) };
}

function stageRows(current: number, stages: StagesTrace): Row[] {
  let before = current;
  return STAGES.map(([stage, name]): Row => {
    const after = stages[stage];
    const text = before === after ? `${after}` : `${before} → ${after}`;
    before = after;
    return { name, text };
  });
}
