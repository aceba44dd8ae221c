import { own } from '../../common/own.js';
import type { HarmTrace, Sign, SignKind, StepTrace, Unexplained } from './decision.js';
import {
  capitalize,
  conditionText,
  count,
  duration,
  evidenceText,
  milliseconds,
  nameOf,
  percent,
  rate,
  round,
} from './format.js';
import { againstUsual, causeOf, partName, signText } from './format-harm.js';
import type { Rule } from './types.js';

const FUTILITY: Readonly<Record<string, string>> = {
  disk: '. More replicas would add contention',
  lock: '. More replicas would not relieve a lock inside one process',
};

/** What a harmed workload does, by its sign; the first that it shows is said. */
const HEADLINES: readonly (readonly [SignKind, string])[] = [
  ['silent', 'Answers nothing'],
  ['latency', 'Slow'],
  ['objective', 'Misses its objective'],
  ['pilesUp', 'Requests pile up'],
  ['backlog', 'Requests pile up'],
  ['abandoned', 'Clients give up'],
  ['collapse', 'Fails fast'],
];

const CAUSES: Readonly<Record<string, string>> = {
  cpu: 'for lack of CPU',
  disk: 'because of its disk',
  lock: 'because of a lock inside it',
  other: 'because of waits that are neither CPU, disk, lock nor a peer',
  queue: 'for lack of free threads',
};

/** Signs of a peer that does not answer: they say more than the time waited on it. */
const UNANSWERED: readonly SignKind[] = ['peerFails', 'silent', 'peerAbandoned'];

/** The harm and its cause, with figures: `Slow because of its disk: 180 ms of 210 ms a request (…), for 40 s`. */
export function harmText(decision: Unexplained, harm: HarmTrace): string {
  const { signs, cause } = harm;
  const since = harm.since === undefined ? '' : `, for ${duration(Math.max(0, decision.at - harm.since))}`;
  if (cause === undefined) {
    const [sign] = signs;
    return sign
      ? `${headline(signs)}: ${signText(sign)}${since}`
      : 'Was harmed until now; no sign in this round';
  }
  const sign = signs.find(({ kind, peer }) => peer === cause && UNANSWERED.includes(kind));
  if (sign) return `${becauseText(signs, signText(sign))}${since}`;
  const why = own(CAUSES, cause) ?? `because of ${peerText(decision, cause)}`;
  // What only fails fast takes less than usual: its time does not show why.
  const figures = signs.every(({ kind }) => kind === 'collapse') ? '' : figuresText(harm);
  return `${headline(signs)} ${why}${figures}${since}`;
}

/** A peer that does not answer, and what it leads to where that is not the same. */
function becauseText(signs: readonly Sign[], clause: string): string {
  const isAll = signs.every(({ kind }) => kind === 'peerFails' || kind === 'peerAbandoned');
  return isAll ? capitalize(clause) : `${headline(signs)} because ${clause}`;
}

function headline(signs: readonly Sign[]): string {
  return HEADLINES.find(([kind]) => signs.some((sign) => sign.kind === kind))?.[1] ?? 'Harmed';
}

/** The end of the walk, and what it is behind. */
function peerText({ walk, workload }: Unexplained, cause: string): string {
  const end = walk?.path.at(-1);
  if (!walk || walk.path.length < 2 || end === workload) return nameOf(cause);
  const [, ...between] = walk.path.slice(0, -1).map(nameOf);
  const edge = walk.bottleneck?.class === 'edge' ? 'the connection to ' : '';
  return edge + nameOf(end!) + behindText(between);
}

function behindText(between: readonly string[]): string {
  if (between.length > 1) return ` behind ${count(between.length, 'other')}`;
  return between.map((it) => ` behind ${it}`).join('');
}

/** What the cause takes of a request. */
function figuresText(harm: HarmTrace): string {
  const part = causeOf(harm);
  if (!part) return '';
  const of = harm.latency ? ` of ${milliseconds(harm.latency.now)}` : '';
  return `: ${againstUsual(`${milliseconds(part.now)}${of} a request`, part.now, part.usual)}`;
}

/** Clauses on harm, to follow a decision by demand; empty where demand says it all. */
export function harmAside(rule: Rule, decision: Unexplained): string {
  const { harm } = decision;
  if (!harm) return '';
  if (harm.harmed) return harm.cause === 'cpu' ? '' : `. ${harmText(decision, harm)}`;
  if (harm.intended) return '; slower because it is used more, as intended';
  const [sign] = harm.signs;
  return sign ? `. No harm yet: ${signText(sign)}, ${roundsText(rule)}` : '';
}

/** For how long signs have shown that are not harm yet. */
export function roundsText({ harm: { rounds } }: Rule): string {
  return rounds === 2 ? 'in 1 of 2 rounds' : `for fewer than ${rounds} rounds`;
}

/** What a healthy workload spends most of its time on, unless that is its own CPU. */
export function habitText({ harm }: Unexplained): string {
  if (!harm || harm.harmed || harm.signs.length > 0) return '';
  const total = harm.parts.reduce((sum, { now }) => sum + now, 0);
  const most = harm.parts.find(({ now }) => now > total / 2);
  if (!most || most.name === 'cpu' || most.usual === undefined) return '';
  const spends = `Spends ${percent(most.now / total)} of its time on ${partName(most.name)}`;
  if (most.now <= 1.5 * most.usual) return `${spends}, as usual. `;
  return `${spends} (${milliseconds(most.now)} a request, usually ${milliseconds(most.usual)}). `;
}

/** A workload that is held, by absolute conditions or by the cause of its harm. */
export function holdText(rule: Rule, decision: Unexplained): string {
  const step = stepOf(decision);
  const { harm } = decision;
  const futile = own(FUTILITY, decision.class) ?? '';
  if (harm && isByHarm(step)) return `${harmText(decision, harm)}${futile || '. Nothing is scaled'}`;
  const evidence = step?.evidence.map(conditionText).join(' and ') ?? '';
  const text =
    step?.outcome === 'keeping'
      ? `-bound recently, kept for ${keepFor(rule, step)} s: now ${evidence}`
      : `-bound: ${evidence}${heldText(step, ' for ')}`;
  return capitalize(decision.class) + text + futile;
}

/** A harmed workload that takes one bounded step and is watched. */
export function stepText(decision: Unexplained, harm: HarmTrace): string {
  const { currentReplicas, stages } = decision;
  const { watch } = harm;
  const text = harmText(decision, harm);
  const answers = watch && `${round(watch.before)} → ${rate(watch.now)} answered`;
  if (stages.clamped > currentReplicas) {
    const to = count(stages.clamped, 'replica');
    if (answers) return `${text}. The last step helped (${answers}); one more, to ${to}`;
    return `${text}. One step to ${to}, to see whether more is answered`;
  }
  if (!answers) return `${text}. No step is possible now`;
  if (watch.grew !== false) return `${text}. The last step is watched: ${answers}`;
  return `${text}. The last step did not help (${answers}): the lock is shared outside, so it holds`;
}

/** A workload that is held for a peer. */
export function dependencyText(decision: Unexplained): string {
  const { walk, workload, harm } = decision;
  const step = stepOf(decision);
  if (harm && isByHarm(step)) return `${harmText(decision, harm)}. ${trailText(decision)}`;
  const evidence = step?.evidence.map(evidenceText).join(', ') ?? '';
  const how = `(${evidence}${step?.outcome === 'keeping' ? ' now' : heldText(step, ', ')})`;
  if (!walk) return `Waiting on peers ${how}`;
  const { bottleneck, confidence, path, rejected } = walk;
  if (bottleneck) {
    const [, ...between] = path.slice(0, -1).map(nameOf);
    const share = confidence < 0.995 ? `; ${percent(confidence)} of the wait leads there` : '';
    return `Waiting on ${nameOf(bottleneck.peer)}${behindText(between)} ${how}, the bottleneck: it ${bottleneck.why}${share}`;
  }
  const [heaviest] = rejected;
  if (!heaviest) return `Waiting on peers ${how}. None of them is saturated, so nothing is scaled`;
  const { peer, why, class: found } = heaviest;
  if (found === 'cycle') {
    return `Waiting in a cycle ${how}: ${heaviest.path.map(nameOf).join(' → ')}. Nothing is scaled`;
  }
  const on = peer === workload ? 'unknown peers' : nameOf(peer);
  return `Waiting on ${on} ${how}. ${nameOf(peer)} ${why}, so nothing is scaled`;
}

/** Classes of peers that no rule scales. */
const NOT_SCALED = ['external', 'unresolved', 'unmanaged'];

/** Where the walk from a harmed workload ends, and what follows. */
function trailText({ walk }: Unexplained): string {
  const end = walk?.bottleneck ?? walk?.rejected[0];
  if (!end) return 'Nothing is scaled';
  if (end.class === 'cycle') return `A cycle: ${end.path.map(nameOf).join(' → ')}. Nothing is scaled`;
  const found = `${nameOf(end.peer)} ${end.why}`;
  if (end.class === 'edge') return `${found}. Nothing is scaled`;
  if (!walk?.bottleneck || NOT_SCALED.includes(end.class)) return `${found}, so nothing is scaled`;
  return `${found}; more replicas here would not help`;
}

/** True for a step that matched because its class is the cause of harm: it has no conditions of its own. */
export function isByHarm(step: StepTrace | undefined): boolean {
  return step === undefined || step.evidence.length === 0;
}

/** The step that gave the workload its class. */
export function stepOf({ steps, class: workloadClass }: Unexplained): StepTrace | undefined {
  return steps.find(
    (it) => it.class === workloadClass && (it.outcome === 'matched' || it.outcome === 'keeping'),
  );
}

function heldText(step: StepTrace | undefined, before: string): string {
  return step?.heldSeconds ? `${before}${Math.round(step.heldSeconds)} s` : '';
}

export function keepFor({ decide }: Rule, step: StepTrace): number {
  return decide.find(({ bound, action }) => bound === step.class && action === step.action)?.keepFor ?? 0;
}
