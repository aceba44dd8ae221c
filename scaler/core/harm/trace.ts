import type { Candidate, HarmTrace, WalkTrace } from '../decision.js';
import type { Judgement } from '../judge.js';
import type { Blame } from './blame.js';
import { partsOf } from './cause.js';

/** Class of what a walk ends at. */
const CLASSES: Readonly<Record<Exclude<Blame['end'], 'self'>, string>> = {
  outside: 'external',
  unresolved: 'unresolved',
  unmeasured: 'unmanaged',
  refuses: 'refuses',
  edge: 'edge',
  hops: 'unknown',
  cycle: 'cycle',
};

export function harmTrace(judgement: Judgement): HarmTrace {
  const { settled, norm, signs, watch, blame, isIntended, protectedBy } = judgement;
  return {
    harmed: watch.harmedSince !== undefined,
    signs,
    since: watch.harmedSince,
    cause: signs.length > 0 ? blame?.path[1] ?? blame?.cause.name : undefined,
    parts: partsOf(settled, norm),
    latency: { now: settled.latency, usual: norm?.latency },
    ...(isIntended && { intended: true }),
    protectedBy,
  };
}

/** The walk from a harmed workload; undefined where its own resource is the cause. */
export function walkOf({ blame, signs }: Judgement): WalkTrace | undefined {
  if (!blame || blame.path.length === 1 || signs.length === 0) return undefined;
  const { path, end, cause, why, cleared } = blame;
  const last: Candidate = {
    peer: path.at(-1)!,
    path,
    share: 1,
    class: end === 'self' ? cause.name : CLASSES[end],
    why,
  };
  const isNamed = end !== 'hops' && end !== 'cycle';
  return {
    path,
    ...(isNamed && { bottleneck: last }),
    confidence: isNamed ? 1 : 0,
    explained: false,
    rejected: isNamed ? cleared : [last, ...cleared],
  };
}
