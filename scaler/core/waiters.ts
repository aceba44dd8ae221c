import { assess, type Assessment } from './assess.js';
import { Dependencies } from './dependencies.js';
import type { Neighbourhood, Walk, WorkloadKey } from './types.js';
import { walk } from './walk.js';

/** Who is held up by a dependency in one round, and by whom. */
export interface Waiters {
  /** What each workload's own signals say about it: its `Samples.assessment`. */
  readonly assessments: ReadonlyMap<WorkloadKey, Assessment>;
  /** For every workload that is bound by a dependency, the walk along its dependencies: its `Samples.walk`. */
  readonly walks: ReadonlyMap<WorkloadKey, Walk>;
  /** For every workload that somebody waits on without an explanation, who that is: its `Samples.waitedOnBy`. */
  readonly waitedOnBy: ReadonlyMap<WorkloadKey, readonly WorkloadKey[]>;
}

/** To be called once a round. A thousand workloads that all wait on each other cost a tenth of a second. */
export function surveyWaiters(neighbourhood: Neighbourhood, now: number): Waiters {
  const dependencies = new Dependencies(neighbourhood, now);
  const assessments = new Map<WorkloadKey, Assessment>();
  const walks = new Map<WorkloadKey, Walk>();
  const waitedOnBy = new Map<WorkloadKey, WorkloadKey[]>();
  for (const [key, { rule, samples, history }] of neighbourhood) {
    if (!rule) continue;
    const assessment = assess(rule, samples, history, now);
    assessments.set(key, assessment);
    const { step } = assessment.classification;
    if (step?.action !== 'follow') continue;
    const walked = walk({ key, rule, samples }, dependencies, step.maxHops);
    walks.set(key, walked);
    if (walked.explained) continue;
    for (const peer of walked.waitedOn) {
      const waiters = waitedOnBy.get(peer);
      if (waiters) waiters.push(key);
      else waitedOnBy.set(peer, [key]);
    }
  }
  return { assessments, walks, waitedOnBy };
}

/** Only who waits on whom. */
export function findWaiters(neighbourhood: Neighbourhood, now: number): Waiters['waitedOnBy'] {
  return surveyWaiters(neighbourhood, now).waitedOnBy;
}
