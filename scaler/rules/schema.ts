import { z } from 'zod';

/**
 * The single source of the rule files' shape: types, validation and `rules/schema.json` all come from here. What
 * one value alone cannot tell (references, conflicts, PromQL) is in checks.ts.
 */

const NAME = /^[a-zA-Z_][a-zA-Z0-9_]*$/;
/** Prometheus' durations, largest unit first, at least one of them: 90s, 5m, 1h30m. */
const DURATION = /^(?!$)(\d+y)?(\d+w)?(\d+d)?(\d+h)?(\d+m)?(\d+s)?(\d+ms)?$/;
/** Kubernetes' quantities that are not negative. */
const QUANTITY = /^(\d+\.?\d*|\.\d+)([eE][+-]?\d+|[numkMGTPE]|[KMGTPE]i)?$/;
const INT32_MAX = 2_147_483_647;

const duration = z.string().regex(DURATION).meta({ description: 'A duration such as 90s, 5m or 1h30m' });
const identifier = z.string().regex(NAME);
const text = z.string().min(1);
const int32 = z.int().min(0).max(INT32_MAX);
const positive = z.int().min(1).max(INT32_MAX);
const quantity = z
  .union([z.number().min(0), z.string().regex(QUANTITY)])
  .meta({ description: 'A number or a Kubernetes quantity such as 0.5, 500m or 64Mi' });
const strings = z.record(z.string(), z.string());

const condition = z.strictObject({
  above: z.number().exactOptional().meta({ description: 'Holds strictly above this' }),
  below: z.number().exactOptional().meta({ description: 'Holds strictly below this' }),
});

export const decideStepSchema = z.strictObject({
  bound: identifier.meta({
    description: 'The class a match gives: disk, cpu, dependency, lock or another name',
  }),
  when: z
    .record(z.string(), condition)
    .meta({ description: 'Signal, or "target" (demand over target), to condition; all must hold' }),
  for: duration.exactOptional().meta({ description: 'How long the conditions must have held; default 0s' }),
  keepFor: duration
    .exactOptional()
    .meta({ description: 'How long a match outlives its conditions; default 0s' }),
  action: z.enum(['scale', 'hold', 'follow']),
  maxHops: z.int().min(1).max(16).exactOptional().meta({ description: 'How far to follow; default 4' }),
});

const policy = z.strictObject({
  type: z.enum(['Pods', 'Percent']),
  value: positive,
  periodSeconds: z.int().min(1).max(1800),
});

const scalingRules = z.strictObject({
  stabilizationWindowSeconds: z.int().min(0).max(3600).exactOptional(),
  selectPolicy: z.enum(['Max', 'Min', 'Disabled']).exactOptional(),
  policies: z.array(policy).min(1).exactOptional(),
  tolerance: quantity
    .exactOptional()
    .meta({ description: 'Fraction, or quantity: 0.05 or 50m; default 0.1' }),
});

const behavior = z
  .strictObject({ scaleUp: scalingRules.exactOptional(), scaleDown: scalingRules.exactOptional() })
  .meta({ description: "HPA v2's behavior; null scales like an HPA that has none" });

const target = z.strictObject({
  signal: identifier.exactOptional().meta({ description: 'What is demanded; default cpu' }),
  averageUtilization: positive.exactOptional().meta({ description: 'Percent of the CPU request of a pod' }),
  averageValue: quantity
    .exactOptional()
    .meta({ description: "Amount per pod in the signal's unit (cores for cpu)" }),
  value: quantity
    .exactOptional()
    .meta({ description: 'What the signal itself should come to, where more pods bring it down' }),
});

export const objectiveSchema = z.strictObject({
  latency: duration.meta({ description: 'From request received to first byte of the answer, such as 50ms' }),
  quantile: z
    .number()
    .gt(0)
    .lt(1)
    .exactOptional()
    .meta({ description: 'The part of the requests that keeps it; default 0.99' }),
});

const scaleTargetRef = z.strictObject({
  apiVersion: text.exactOptional(),
  kind: text,
  namespace: text,
  name: text,
});

const selectorRequirement = z.strictObject({
  key: text,
  operator: z.enum(['In', 'NotIn', 'Exists', 'DoesNotExist']),
  values: z.array(z.string()).exactOptional(),
});

const match = z.strictObject({
  apiVersion: text.exactOptional(),
  kind: text,
  namespace: text.exactOptional(),
  selector: z
    .strictObject({
      matchLabels: strings.exactOptional(),
      matchExpressions: z.array(selectorRequirement).exactOptional(),
    })
    .exactOptional(),
});

export const ruleSchema = z.strictObject({
  scale: text.meta({ description: "The rule's name, unique in its group" }),
  scaleTargetRef: scaleTargetRef.exactOptional().meta({ description: 'The one workload to scale' }),
  match: match.exactOptional().meta({ description: 'The workloads to scale, in place of scaleTargetRef' }),
  minReplicas: int32.min(1).exactOptional().meta({ description: 'Default 1' }),
  maxReplicas: positive,
  target: target.exactOptional().meta({ description: 'Default {signal: cpu, averageUtilization: 70}' }),
  objective: objectiveSchema
    .exactOptional()
    .meta({ description: "The service's own latency; while it is kept, replicas do not grow" }),
  decide: z
    .array(decideStepSchema)
    .exactOptional()
    .meta({ description: 'First match wins; replaces the default steps' }),
  behavior: behavior.nullable().exactOptional(),
  dryRun: z.boolean().exactOptional().meta({ description: 'Decide and say so, but change nothing' }),
  labels: strings.exactOptional(),
  annotations: strings.exactOptional(),
});

export const signalSchema = z.strictObject({
  expr: text
    .exactOptional()
    .meta({ description: 'PromQL: one number per namespace, workload and workload_kind' }),
  maxAge: duration.exactOptional().meta({ description: 'Older samples are not acted on; default 45s' }),
});

export const groupSchema = z.strictObject({
  name: text,
  interval: duration.exactOptional().meta({ description: 'Time between two rounds; default 10s' }),
  window: duration
    .exactOptional()
    .meta({ description: 'Range of the rates in built-in signals, four scrapes or more; default 1m' }),
  signals: z.record(identifier, signalSchema).exactOptional(),
  rules: z.array(ruleSchema),
});

export const fileSchema = z.strictObject({ groups: z.array(groupSchema) });

export type RawRule = z.infer<typeof ruleSchema>;
export type RawObjective = z.infer<typeof objectiveSchema>;
export type RawGroup = z.infer<typeof groupSchema>;
export type RawDecideStep = z.infer<typeof decideStepSchema>;
export type RawSignal = z.infer<typeof signalSchema>;
export type RawBehavior = z.infer<typeof behavior>;
export type RawScalingRules = z.infer<typeof scalingRules>;
