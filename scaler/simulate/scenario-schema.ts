import { z } from 'zod';
import { parseDuration } from '../../common/duration.js';
import { parseQuantity } from '../../common/quantity.js';
import { parseProfile, parseTrace, ramp, type Profile } from './profile.js';
import { DEFAULT_NAMESPACE, type Scenario, type Spread } from './scenario.js';

/** The shape of scenario files, with every default filled in. */

function parsed<T>(parse: (text: string) => T) {
  return z.string().transform((text, context) => {
    try {
      return parse(text);
    } catch (error) {
      context.addIssue({ code: 'custom', message: (error as Error).message });
      return z.NEVER;
    }
  });
}

const duration = parsed(parseDuration);
const cores = z.union([z.number().min(0), parsed(parseQuantity)]);
const text = z.string().min(1);
const share = z.number().min(0).max(1);
const whole = z.int().min(0);

export function constant(mean: number): Spread {
  return { mean, shape: 'constant', parameter: 0 };
}

/** `20ms`, or `{mean: 20ms, shape: pareto, parameter: 1.5}`. */
const spread = z.union([
  duration.transform(constant),
  z.strictObject({
    mean: duration,
    shape: z.enum(['constant', 'exponential', 'lognormal', 'pareto']).default('exponential'),
    parameter: z.number().gt(0).default(1.5),
  }),
]);

const work = z.strictObject({
  cpu: spread,
  lock: spread.optional(),
  disk: spread.optional(),
  sleep: spread.optional(),
});

const call = z.strictObject({
  to: text,
  probability: share.default(1),
  times: z.int().min(1).default(1),
  timeout: duration.optional(),
  retries: whole.default(0),
  pool: z.int().min(1).optional(),
});

const readiness = z.strictObject({
  period: duration.default(10),
  timeout: duration.default(1),
  failures: z.int().min(1).default(3),
});

const service = z
  .strictObject({
    name: text,
    namespace: text.default(DEFAULT_NAMESPACE),
    replicas: whole.default(1),
    request: cores,
    limit: z
      .union([z.literal(['none', 'request', '2x']), cores])
      .default('none')
      .meta({ description: 'none, request, 2x (twice the request), or cores' }),
    cores: cores.default(4),
    threads: z.union([z.literal(['loop', 'unbounded']), z.int().min(1)]).default(8),
    backlog: whole.default(4096),
    startup: duration.default(20),
    startupCpu: duration.default(0),
    readiness: readiness.optional(),
    work,
    calls: z.array(call).default([]),
    order: z.enum(['sequence', 'parallel']).default('sequence'),
    abandoned: z.enum(['work', 'skip']).default('work'),
    background: z
      .array(
        z.strictObject({
          every: duration.default(1),
          cpu: duration.default(0),
          disk: duration.default(0),
        }),
      )
      .default([]),
  })
  .transform(({ limit, ...rest }) => {
    const named = { none: undefined, request: rest.request, '2x': 2 * rest.request };
    return { ...rest, limit: typeof limit === 'number' ? limit : named[limit] };
  });

const outside = z.strictObject({ name: text, time: spread, capacity: z.int().min(1).optional() });

/** `10 60@5m`, `{ramp: 10 60@5m}`, or `{file: bursty.txt, scale: 0.1}`: one number per second. */
type Load = Profile | { readonly file: string; readonly scale: number };

const load = z.union([
  parsed(parseProfile),
  z.strictObject({ ramp: parsed(parseProfile) }).transform(({ ramp: steps }) => ramp(steps)),
  z.strictObject({ file: text, scale: z.number().gt(0).default(1) }),
]);

const client = z.strictObject({
  name: text.default('client'),
  to: text,
  kind: z.enum(['open', 'closed', 'queue']).default('open'),
  load,
  arrivals: z.enum(['poisson', 'even']).default('poisson'),
  batch: z.int().min(1).default(1),
  think: spread.default({ mean: 1, shape: 'exponential', parameter: 0 }),
  keepAlive: z.boolean().default(true),
  timeout: duration.optional(),
  retries: whole.default(0),
  objective: z
    .strictObject({ latency: duration, quantile: share.default(0.99) })
    .default({ latency: 1, quantile: 0.99 }),
});

const timed = { at: duration, for: duration.optional() };
const ofService = { ...timed, service: text };
const to = { ...timed, to: text };
const factor = z.number().gt(0);

const fault = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('cpu'), ...ofService, factor }),
  z.strictObject({ kind: z.literal('cpuShare'), ...ofService, share: share.gt(0) }),
  z.strictObject({ kind: z.literal('disk'), ...ofService, factor }),
  z.strictObject({ kind: z.literal('lock'), ...ofService, time: duration }),
  z.strictObject({ kind: z.literal('slow'), ...to, factor }),
  z.strictObject({ kind: z.literal('sleep'), ...to, time: duration }),
  z.strictObject({ kind: z.literal('hang'), ...to }),
  z.strictObject({ kind: z.literal('refuse'), ...to }),
  z.strictObject({ kind: z.literal('failFast'), ...to }),
  z.strictObject({ kind: z.literal('pool'), ...ofService, to: text, size: z.int().min(1) }),
  z.strictObject({ kind: z.literal('rollout'), ...ofService, cpuFactor: factor.default(1) }),
  z.strictObject({ kind: z.literal('prometheus'), ...timed }),
  z.strictObject({ kind: z.literal('scrapes'), ...timed, share }),
  z.strictObject({ kind: z.literal('neighbours'), ...timed, cores }),
  z.strictObject({ kind: z.literal('nodesFull'), ...timed }),
]);

export const scenarioSchema = z.strictObject({
  name: text,
  seed: whole.default(1),
  length: duration,
  services: z.array(service).min(1),
  outside: z.array(outside).default([]),
  clients: z.array(client).min(1),
  faults: z.array(fault).default([]),
  nodes: z.strictObject({ count: z.int().min(1), cores }).optional(),
  scrape: z
    .strictObject({ interval: duration.default(15), lag: duration.default(1) })
    .default({ interval: 15, lag: 1 }),
  bucket: duration.default(1),
  truth: z.unknown().optional(),
});

/**
 * Fills in the defaults of a scenario that was read from YAML.
 *
 * @param readTrace returns the text of a load's file
 * @throws z.ZodError; Error with a message for the user
 */
export function scenarioOf(value: unknown, readTrace: (file: string) => string): Scenario {
  const { clients, ...rest } = scenarioSchema.parse(value);
  const profileOf = (load: Load): Profile =>
    'file' in load ? parseTrace(readTrace(load.file), load.scale) : load;
  const scenario = { ...rest, clients: clients.map((one) => ({ ...one, load: profileOf(one.load) })) };
  checkNames(scenario);
  return scenario;
}

function checkNames({ services, outside, clients, faults }: Scenario): void {
  const names = new Set(services.map(({ name }) => name));
  const others = new Set(outside.map(({ name }) => name));
  const peers = new Set([...names, ...others]);
  const expect = (known: ReadonlySet<string>, name: string, where: string): void => {
    if (!known.has(name)) throw new Error(`${where}: nothing is named "${name}"`);
  };
  for (const { name, calls } of services) for (const { to } of calls) expect(peers, to, `calls of ${name}`);
  for (const { name, to } of clients) expect(names, to, `client ${name}`);
  for (const one of faults) {
    if ('service' in one) expect(names, one.service, `fault ${one.kind}`);
    if ('to' in one) expect(one.kind === 'slow' ? others : peers, one.to, `fault ${one.kind}`);
  }
}
