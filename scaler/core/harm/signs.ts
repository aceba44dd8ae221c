import type { ObjectiveTrace, Sign } from '../decision.js';
import type { HarmThresholds } from '../types.js';
import type { Profile } from './profile.js';
import { costOf, ratioOf, type Norm } from './usual.js';

/** Requests that must wait or be lost before their share means anything. */
const LEAST_LOST = 3;
const LEAST_PILE = 5;
/** Share of the arrivals that may pile up in a window, beyond chance. */
const PILE_SHARE = 0.1;
/** Mean number of requests that wait while none is answered. */
const LEAST_WAITING = 0.5;
/** Of the usual CPU time of a request, or of its usual calls: less means that something fails fast. */
const COLLAPSED = 0.5;
/** Calls in a window that a collapse of their number is told by. */
const LEAST_CALLS = 20;

/** Signs that a workload's requests suffer; shortage of CPU is none by itself. */
export function signsOf(
  profile: Profile,
  norm: Norm | undefined,
  thresholds: HarmThresholds,
  objective: ObjectiveTrace | undefined,
): Sign[] {
  return [
    ...missedObjective(objective),
    ...slowness(profile, norm, thresholds),
    ...waiting(profile, norm, thresholds),
    ...losses(profile, thresholds),
    ...failingPeers(profile, thresholds),
    ...collapse(profile, norm),
  ];
}

function missedObjective(objective: ObjectiveTrace | undefined): Sign[] {
  if (objective?.kept !== false) return [];
  return [{ kind: 'objective', value: objective.measured!, limit: objective.latency }];
}

function slowness(
  { enough, latency }: Profile,
  norm: Norm | undefined,
  { latency: factor, atLeast }: HarmThresholds,
): Sign[] {
  if (!enough || !norm) return [];
  const limit = Math.max(factor * norm.latency, norm.latency + atLeast);
  return latency > limit ? [{ kind: 'latency', value: latency, limit, usual: norm.latency }] : [];
}

function waiting(profile: Profile, norm: Norm | undefined, thresholds: HarmThresholds): Sign[] {
  const { arrived, answered, lost, outstanding, window } = profile;
  const came = arrived * window;
  const pile = came - (answered + lost) * window;
  const most = Math.max(PILE_SHARE * came, 3 * Math.sqrt(came), LEAST_PILE);
  const signs: Sign[] = pile > most ? [{ kind: 'pilesUp', value: pile, limit: most }] : [];
  if (answered === 0) {
    const wasAsked = arrived * window >= LEAST_LOST || norm !== undefined;
    return outstanding > LEAST_WAITING && wasAsked
      ? [...signs, { kind: 'silent', value: outstanding, limit: LEAST_WAITING }]
      : signs;
  }
  const seconds = outstanding / answered;
  const limit = Math.max(thresholds.backlog, 2 * (norm?.latency ?? 0));
  if (profile.enough && seconds > limit) signs.push({ kind: 'backlog', value: seconds, limit });
  return signs;
}

function losses({ arrived, abandoned, window }: Profile, { abandoned: limit }: HarmThresholds): Sign[] {
  const share = arrived > 0 ? abandoned / arrived : 0;
  return abandoned * window >= LEAST_LOST && share > limit
    ? [{ kind: 'abandoned', value: share, limit }]
    : [];
}

function failingPeers({ links, window }: Profile, { abandoned: limit }: HarmThresholds): Sign[] {
  return links.flatMap(({ target: peer, sent, failed, abandoned }): Sign[] => {
    const share = (lost: number): number => lost / Math.max(sent, lost);
    const isMany = (lost: number): boolean => lost * window >= LEAST_LOST && share(lost) > limit;
    return [
      ...(isMany(failed) ? [{ kind: 'peerFails', value: share(failed), limit, peer } as const] : []),
      ...(isMany(abandoned)
        ? [{ kind: 'peerAbandoned', value: share(abandoned), limit, peer } as const]
        : []),
    ];
  });
}

/** An error costs less CPU than an answer, calls fewer peers, and does not take longer. */
function collapse(profile: Profile, norm: Norm | undefined): Sign[] {
  const { enough, answered, latency, window } = profile;
  if (!enough || !norm || latency > norm.latency) return [];
  const cost = costOf(profile, norm.background)!;
  if (norm.cost > 0 && cost < COLLAPSED * norm.cost) {
    return [{ kind: 'collapse', value: cost / norm.cost, limit: COLLAPSED }];
  }
  return profile.links.flatMap((link): Sign[] => {
    const usual = norm.peer(link.target)?.ratio ?? 0;
    const ratio = ratioOf(link, profile) ?? 0;
    if (usual * answered * window < LEAST_CALLS || ratio >= COLLAPSED * usual) return [];
    return [{ kind: 'collapse', value: ratio / usual, limit: COLLAPSED, peer: link.target }];
  });
}
