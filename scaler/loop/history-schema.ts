import { z } from 'zod';
import type { Absence } from '../core/fallback.js';
import type { SizingMemory } from '../core/demand/memory.js';
import type { Digest } from '../core/harm/digest.js';
import type { Usual } from '../core/harm/usual.js';
import type { Watch } from '../core/harm/watch.js';
import type { ReplicasLeft } from '../core/other-writers.js';
import type { History, Sleep } from '../core/round.js';

/**
 * The shape of a history in a file. Objects of the decision core are loose: a field that they gain is kept, and what is
 * checked is what a decision would fail on.
 */

const seconds = z.number();
const scaleEvents = z.array(z.object({ change: z.int().min(1), at: seconds, outdated: z.boolean() }));

const digest = z.looseObject({
  origin: seconds,
  buckets: z.array(z.number()).refine((numbers) => numbers.length % 3 === 0),
}) satisfies z.ZodType<Digest>;

const usual = z.looseObject({
  template: z.string().optional(),
  rounds: z.int().min(0),
  at: seconds,
  latency: digest,
  held: digest,
  cost: digest,
  parts: z.looseObject({ cpu: digest, disk: digest, lock: digest, other: digest }),
  perPod: digest,
  outside: digest,
  unserved: digest,
  threads: z.number(),
  line: z.looseObject({ n: z.number(), x: z.number(), y: z.number(), xx: z.number(), xy: z.number() }),
  peers: z.record(z.string(), z.looseObject({ ratio: digest, wait: digest })),
}) satisfies z.ZodType<Usual>;

const watch = z.looseObject({
  signs: z.int().min(0),
  quiet: z.int().min(0),
  harmedSince: seconds.exactOptional(),
  lastHarmed: seconds.exactOptional(),
  differsSince: seconds.exactOptional(),
  calmSince: seconds.exactOptional(),
  quietLoad: z.number().exactOptional(),
  strangersSince: seconds.exactOptional(),
}) satisfies z.ZodType<Watch>;

const memory = z.looseObject({
  capacity: z.looseObject({ cores: z.number(), at: seconds }).exactOptional(),
  saturatedThreads: z.number().exactOptional(),
  step: z
    .looseObject({ at: seconds, answered: z.number(), used: z.number(), perPod: z.number().exactOptional() })
    .exactOptional(),
  clients: z.array(z.looseObject({ at: seconds, number: z.number() })),
}) satisfies z.ZodType<SizingMemory>;

const replicasLeft = z.looseObject({
  replicas: z.int().min(0),
  generation: z.int(),
  template: z.string(),
  change: z
    .looseObject({
      manager: z.string(),
      from: z.int().min(0),
      at: seconds,
      hold: z.number(),
      answered: z.literal(true).exactOptional(),
    })
    .exactOptional(),
}) satisfies z.ZodType<ReplicasLeft>;

const absence = z.looseObject({
  since: seconds,
  raised: z.literal(true).exactOptional(),
}) satisfies z.ZodType<Absence>;

const sleep = z.looseObject({
  quiet: z.object({ since: seconds, at: seconds }).exactOptional(),
  asleep: z.literal(true).exactOptional(),
  unreadSince: seconds.exactOptional(),
}) satisfies z.ZodType<Sleep>;

/** Parts that the decision core learns anew where a file has none that can be read. */
const LEARNT = { usual, watch, memory, replicasLeft, absence, sleep } satisfies {
  readonly [Part in keyof History]?: z.ZodType;
};

const decided = z.object({
  recommendations: z.array(
    z.object({ replicas: z.int().min(0), at: seconds, assumed: z.literal(true).exactOptional() }),
  ),
  scaleUps: scaleEvents,
  scaleDowns: scaleEvents,
  steps: z.record(
    z.string(),
    z.object({ since: seconds.exactOptional(), lastMatch: seconds.exactOptional() }),
  ),
  dataGap: z.boolean(),
  fewerPodsSince: seconds.exactOptional(),
  unseenSince: seconds.exactOptional(),
});

/** A learnt part that cannot be read is left out, and is a gap in the data: replicas go down only after a full window. */
export const historySchema: z.ZodType<History> = decided.loose().transform((history) => {
  const learnt = Object.entries(LEARNT).flatMap(([part, schema]) =>
    part in history ? [{ part, read: schema.safeParse(history[part]) }] : [],
  );
  const known = learnt.flatMap(({ part, read }) => (read.success ? [[part, read.data]] : []));
  const { recommendations, scaleUps, scaleDowns, steps, dataGap, fewerPodsSince, unseenSince } = history;
  return {
    ...{ recommendations, scaleUps, scaleDowns, steps },
    dataGap: dataGap || known.length < learnt.length,
    ...(fewerPodsSince !== undefined && { fewerPodsSince }),
    ...(unseenSince !== undefined && { unseenSince }),
    ...(Object.fromEntries(known) as Pick<History, keyof typeof LEARNT>),
  };
});
