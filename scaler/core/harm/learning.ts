import type { Judgement } from '../judge.js';
import type { Samples } from '../types.js';
import { KNOWN_AFTER, learn, type Usual } from './usual.js';

/** Rounds without a sign before one is learnt from. */
const QUIET_ROUNDS = 3;

/** Windows overlap, so once the usual is known a round tells something new only after this many seconds. */
const SPACING = 30;

/**
 * What is usual after a round: learnt from quiet ones with enough answers, never from harm, from roll-outs and starting
 * pods, or from what fails fast, which shows as a sign.
 */
export function learnt(judgement: Judgement, { template, replicas }: Samples, now: number): Usual {
  const { usual, settled, watch, isIntended, isComplete, outside, isSaturated } = judgement;
  const isRollingOut = usual.template !== undefined && template === undefined;
  const wasHarmed = watch.lastHarmed !== undefined && now - watch.lastHarmed < settled.window;
  const isQuiet = isIntended || watch.quiet >= QUIET_ROUNDS;
  if (!settled.enough || !isQuiet || wasHarmed || !isComplete || isRollingOut || isSaturated) return usual;
  if (usual.rounds >= KNOWN_AFTER && now - usual.at < SPACING) return usual;
  // Threads are held by the pods that there will be: of those that are ending, some are measured still.
  const pods = Math.max(1, Math.min(settled.pods, replicas));
  return learn(usual, { ...settled, pods }, outside, template, now);
}
