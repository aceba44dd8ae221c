import type { SizingMemory } from './demand/memory.js';
import { isEmpty, type Digest } from './harm/digest.js';
import type { Usual } from './harm/usual.js';
import type { Watch } from './harm/watch.js';
import type { ReplicasLeft } from './other-writers.js';
import type { History, Sleep } from './round.js';

/**
 * The history with every time moved, for a clock that was set: what happened ten seconds ago is ten seconds old by the new
 * time, too.
 *
 * @param by seconds by which the clock was set forward
 */
export function rebase(history: History, by: number): History {
  const { recommendations, scaleUps, scaleDowns, steps, dataGap, usual, watch, memory } = history;
  const { fewerPodsSince, unseenSince, replicasLeft, absence, sleep } = history;
  const moved = <T extends { readonly at: number }>(entry: T): T => ({ ...entry, at: entry.at + by });
  return {
    recommendations: recommendations.map(moved),
    scaleUps: scaleUps.map(moved),
    scaleDowns: scaleDowns.map(moved),
    steps: Object.fromEntries(
      Object.entries(steps).map(([key, state]) => [key, movedTimes({ ...state }, by)]),
    ),
    dataGap,
    ...(usual && { usual: movedUsual(usual, by) }),
    ...(watch && { watch: movedWatch(watch, by) }),
    ...(memory && { memory: movedMemory(memory, by) }),
    ...movedTimes({ fewerPodsSince, unseenSince }, by),
    ...(replicasLeft && { replicasLeft: movedChange(replicasLeft, by) }),
    ...(sleep && { sleep: movedSleep(sleep, by) }),
    ...(absence && { absence: { ...absence, since: absence.since + by } }),
  };
}

/**
 * The history by a time that is not before it: one that ends in the future is of a clock that was set back, and its
 * newest time becomes now.
 */
export function notAfter(history: History, now: number): History {
  const newest = newestIn(history);
  return newest > now ? rebase(history, now - newest) : history;
}

// Without intermediate objects: a replay of the past asks this a million times.

function newestIn(history: History): number {
  const { recommendations, scaleUps, scaleDowns, steps, usual, watch, memory } = history;
  const { fewerPodsSince, unseenSince, replicasLeft, absence, sleep } = history;
  let newest = Math.max(newestOf(recommendations), newestOf(scaleUps), newestOf(scaleDowns));
  for (const key in steps)
    newest = Math.max(newest, steps[key]!.since ?? newest, steps[key]!.lastMatch ?? newest);
  if (watch) {
    const { harmedSince, lastHarmed, differsSince, calmSince, strangersSince } = watch;
    newest = Math.max(newest, harmedSince ?? newest, lastHarmed ?? newest, differsSince ?? newest);
    newest = Math.max(newest, calmSince ?? newest, strangersSince ?? newest);
  }
  if (memory) {
    const { capacity, step, clients } = memory;
    newest = Math.max(newest, newestOf(clients), capacity?.at ?? newest, step?.at ?? newest);
  }
  newest = Math.max(newest, replicasLeft?.change?.at ?? newest, absence?.since ?? newest);
  newest = Math.max(newest, sleep?.quiet?.at ?? newest, sleep?.unreadSince ?? newest);
  return Math.max(newest, usual?.at ?? newest, fewerPodsSince ?? newest, unseenSince ?? newest);
}

function newestOf(entries: readonly { readonly at: number }[]): number {
  let newest = -Infinity;
  for (const { at } of entries) if (at > newest) newest = at;
  return newest;
}

function movedWatch(watch: Watch, by: number): Watch {
  const { harmedSince, lastHarmed, differsSince, calmSince, strangersSince } = watch;
  const times = { harmedSince, lastHarmed, differsSince, calmSince, strangersSince };
  return { ...watch, ...movedTimes(times, by) };
}

/** Those times that are there. */
function movedTimes(times: Readonly<Record<string, number | undefined>>, by: number) {
  const known = Object.entries(times).flatMap(([name, time]) =>
    time === undefined ? [] : [[name, time + by] as const],
  );
  return Object.fromEntries(known);
}

function movedChange({ change, ...left }: ReplicasLeft, by: number): ReplicasLeft {
  return { ...left, ...(change && { change: { ...change, at: change.at + by } }) };
}

function movedSleep({ quiet, unreadSince, ...sleep }: Sleep, by: number): Sleep {
  return {
    ...sleep,
    ...(quiet && { quiet: { since: quiet.since + by, at: quiet.at + by } }),
    ...movedTimes({ unreadSince }, by),
  };
}

function movedMemory(memory: SizingMemory, by: number): SizingMemory {
  const { capacity, step, clients } = memory;
  return {
    ...memory,
    ...(capacity && { capacity: { ...capacity, at: capacity.at + by } }),
    ...(step && { step: { ...step, at: step.at + by } }),
    clients: clients.map((entry) => ({ ...entry, at: entry.at + by })),
  };
}

function movedUsual(usual: Usual, by: number): Usual {
  const moved = (digest: Digest): Digest =>
    isEmpty(digest) ? digest : { ...digest, origin: digest.origin + by };
  const { latency, held, cost, perPod, outside, unserved } = usual;
  const { cpu, disk, lock, other } = usual.parts;
  const peers = Object.entries(usual.peers).map(([target, peer]) => {
    return [target, { ...peer, ratio: moved(peer.ratio), wait: moved(peer.wait) }];
  });
  return {
    ...usual,
    at: usual.at + by,
    ...{ latency: moved(latency), held: moved(held), cost: moved(cost), perPod: moved(perPod) },
    ...{ outside: moved(outside), unserved: moved(unserved) },
    parts: { ...usual.parts, cpu: moved(cpu), disk: moved(disk), lock: moved(lock), other: moved(other) },
    peers: Object.fromEntries(peers) as Usual['peers'],
  };
}
