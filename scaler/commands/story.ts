import { percent, round } from '../core/format.js';
import type {
  Candidate,
  ConditionTrace,
  InputTrace,
  StagesTrace,
  StepTrace,
  Trace,
} from '../core/decision.js';
import type { Paint } from '../terminal.js';

/** The parts of a decision record that its story needs. */
export interface Told {
  readonly class: string;
  readonly reason: string;
  readonly trace: Trace;
}

const STAGES: readonly [keyof StagesTrace, string][] = [
  ['raw', 'raw: demand over target'],
  ['tolerance', 'tolerance'],
  ['objective', 'objective: not up while latency is kept'],
  ['floor', 'floor: not down without full data'],
  ['stabilised', 'stabilised'],
  ['rateLimited', 'rate-limited'],
  ['clamped', 'clamped to min and max'],
];

const OUTCOMES: Record<StepTrace['outcome'], string> = {
  matched: 'matched',
  keeping: 'matched until a moment ago, and kept',
  pending: 'holds, but not yet for long enough',
  no: 'no',
  unknown: 'unknown',
};

/** Tells a decision from what was measured to what would change it, a line each. */
export function tellDecision({ class: workloadClass, reason, trace }: Told, paint: Paint): string[] {
  const heading = (text: string): string => paint('cyan', text);
  const { inputs, steps, stages, currentReplicas, bindingConstraint, wouldChange } = trace;
  return [
    paint('bold', reason),
    heading('Measured'),
    ...table(inputs.map(({ signal, ...input }) => [signal, inputText(input, paint)])),
    heading(`Class: ${workloadClass}`),
    ...table(steps.map((step) => [step.class, stepText(step, paint)])),
    ...walkLines(trace, paint),
    heading('Replicas'),
    ...table([
      ['now', String(currentReplicas)],
      ...STAGES.map(([stage, name], index): [string, string] => {
        const before = index === 0 ? currentReplicas : stages[STAGES[index - 1]![0]];
        return [
          name,
          before === stages[stage]
            ? String(stages[stage])
            : `${before} → ${paint('bold', String(stages[stage]))}`,
        ];
      }),
      ['decided by', bindingConstraint === 'none' ? 'demand' : bindingConstraint],
    ]),
    ...(wouldChange === '' ? [] : [heading('What would change it'), `  ${wouldChange}`]),
  ];
}

function inputText({ value, ageSeconds, absent, text }: Omit<InputTrace, 'signal'>, paint: Paint): string {
  if (value === undefined) return paint('yellow', `${absent ?? 'missing'}: ${text ?? 'no value'}`);
  const age = ageSeconds === undefined ? '' : `, ${round(ageSeconds)} s old`;
  return `${round(value)}${age}`;
}

function stepText({ action, outcome, evidence, heldSeconds }: StepTrace, paint: Paint): string {
  const held = heldSeconds ? `, for ${Math.round(heldSeconds)} s` : '';
  const text = `${OUTCOMES[outcome]} (${evidence.map(conditionText).join(', ')}${held})`;
  if (outcome === 'matched' || outcome === 'keeping') return paint('green', `${text}: ${action}`);
  return text;
}

function conditionText({ signal, value, above, below }: ConditionTrace): string {
  const limits = [
    ...(above === undefined ? [] : [`above ${above}`]),
    ...(below === undefined ? [] : [`below ${below}`]),
  ];
  return `${signal} ${value === undefined ? 'unknown' : round(value)}, asked ${limits.join(' and ')}`;
}

function walkLines({ walk }: Trace, paint: Paint): string[] {
  if (!walk) return [];
  const { path, bottleneck, rejected } = walk;
  return [
    paint('cyan', `Path walked: ${path.join(' → ')}`),
    ...(bottleneck
      ? [paint('green', `  bottleneck ${candidateText(bottleneck)}`)]
      : ['  no bottleneck found']),
    ...rejected.map((candidate) => `  rejected ${candidateText(candidate)}`),
  ];
}

function candidateText({ peer, share, class: workloadClass, why }: Candidate): string {
  return `${peer} (${workloadClass}, ${percent(share)} of the waiting): ${why}`;
}

function table(rows: readonly (readonly [string, string])[]): string[] {
  const width = Math.max(0, ...rows.map(([name]) => name.length));
  return rows.map(([name, text]) => `  ${name.padEnd(width)}  ${text}`);
}
