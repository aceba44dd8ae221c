import type { Part } from '../decision.js';
import type { Link, Profile } from './profile.js';
import { waitOf, type Norm } from './usual.js';

/** Share of the calls to a peer that it refuses, and their least number in a window. */
const REFUSED = { share: 0.05, calls: 3 };
/** Mean number of calls that wait on a peer that answers none. */
const LEAST_WAITING = 0.5;
/** An excess that explains a slowness: seconds, and share of the usual latency. */
const EXPLAINS = { seconds: 0.005, share: 0.2 };

/** What a request's time goes to beyond the usual. */
export interface Cause {
  /** `cpu`, `disk`, `lock`, `other`, `queue`, or the target of `link`. */
  readonly name: string;
  /** Seconds per request beyond the usual. */
  readonly excess: number;
  /** Set if the cause is a peer. */
  readonly link?: Link;
  /** How a peer is the cause. */
  readonly how?: 'refuses' | 'silent' | 'slow' | 'fails';
}

/**
 * Returns the parts of a request, largest excess over the usual first.
 *
 * Until a usual is known the usual of a part is unknown, and all of it counts as excess.
 */
export function partsOf(profile: Profile, norm: Norm | undefined): Part[] {
  const { parts, links, per } = profile;
  const { cpu, disk, lock, other, queue } = parts;
  const own = Object.entries({ cpu, disk, lock, other }) as [keyof Norm['parts'], number][];
  return [
    ...own.map(([name, now]): Part => ({ name, isPeer: false, now, usual: norm?.parts[name] })),
    ...links.map((link): Part => {
      const peer = norm?.peer(link.target);
      const now = per > 0 ? link.outstanding / per : 0;
      return { name: link.target, isPeer: true, now, usual: norm && (peer ? peer.ratio * peer.wait : 0) };
    }),
    { name: 'queue', isPeer: false, now: queue, usual: undefined },
  ].sort((a, b) => excessOf(b) - excessOf(a));
}

function excessOf({ now, usual = 0 }: Part): number {
  return now - usual;
}

/**
 * Finds the cause of a slowness: a peer that refuses or is silent, else the part with the greatest excess over the
 * usual. The wait for a thread is the cause only if nothing else explains it, because every slowness below shows there
 * first. What remains unexplained is a shortage of CPU where there is one: event loops wait for their CPU unseen.
 *
 * @param isShort true if the workload's demand is more than its pods are sized for
 */
export function causeOf(profile: Profile, norm: Norm | undefined, isShort: boolean): Cause {
  const { links, window } = profile;
  const refusing = links.find(
    ({ failed, sent }) => failed * window >= REFUSED.calls && failed > REFUSED.share * Math.max(sent, failed),
  );
  if (refusing) return { name: refusing.target, excess: 0, link: refusing, how: 'refuses' };
  const silent = links.find(isSilent);
  if (silent) return { name: silent.target, excess: silent.outstanding, link: silent, how: 'silent' };
  const parts = partsOf(profile, norm);
  const greatest = parts.find(({ name }) => name !== 'queue')!;
  const excess = excessOf(greatest);
  const explains = excess >= Math.max(EXPLAINS.seconds, EXPLAINS.share * (norm?.latency ?? 0));
  const { queue } = profile.parts;
  // What fails fast has no excess anywhere.
  if (excess <= 0 && queue <= 0) return { name: 'other', excess: 0 };
  const part = explains || queue <= excess ? greatest : parts.find(({ name }) => name === 'queue')!;
  if ((part.name === 'queue' || part.name === 'other') && isShort) return { name: 'cpu', excess };
  const link = links.find(({ target }) => part.isPeer && target === part.name);
  return { name: part.name, excess: excessOf(part), ...(link && { link, how: 'slow' }) };
}

function isSilent({ answered, outstanding }: Link): boolean {
  return answered === 0 && outstanding > LEAST_WAITING;
}

/** True if calls take longer than usual; undefined where the usual is not known. */
export function isSlowerThanUsual(link: Link, norm: Norm | undefined): boolean | undefined {
  const usual = norm?.peer(link.target)?.wait;
  return usual === undefined ? undefined : waitOf(link) > 1.5 * usual;
}
