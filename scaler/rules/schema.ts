import { z } from 'zod';
import { INT32_MAX } from '../core/int.js';
import {
  apiVersion,
  containerName,
  duration,
  identifier,
  kind,
  objectName,
  positive,
  quantity,
  strings,
  text,
  title,
} from './values.js';

/**
 * The shape of rule files: types, validation and `rules/schema.json` are derived from it. What one value alone cannot
 * show (references, conflicts, PromQL) is in checks.ts.
 */

const condition = z.strictObject({
  above: z.number().exactOptional().meta({ description: 'The signal must be greater than this' }),
  below: z.number().exactOptional().meta({ description: 'The signal must be less than this' }),
});

export const decideStepSchema = z.strictObject({
  bound: identifier.meta({
    description: 'Class of the workload when the step matches: disk, cpu, dependency, lock or another name',
  }),
  when: z.record(z.string(), condition).exactOptional().meta({
    description:
      'Conditions by signal, or by "target" (ratio of demand to target); all of them must hold, harmed or not. Default: the step matches while the workload is harmed and bound is the cause',
  }),
  for: duration.exactOptional().meta({
    description: 'Time for which the conditions must hold before the step matches; default 0s',
  }),
  keepFor: duration.exactOptional().meta({
    description: 'Time for which the step still matches after its conditions end; default 0s',
  }),
  action: z.enum(['scale', 'hold', 'follow', 'step']).meta({
    description:
      'scale: size by the target; hold: keep the replicas; follow: scale the bottleneck among the peers; step: grow once, by a bounded amount, and go on only where more is answered',
  }),
  maxHops: z
    .int()
    .min(1)
    .max(16)
    .exactOptional()
    .meta({ description: 'Maximum number of edges to follow; default 8' }),
});

const policy = z.strictObject({
  type: z.enum(['Pods', 'Percent']).meta({ description: 'Unit of value' }),
  value: positive.meta({ description: 'Pods, or percent of the replicas, that may change in one period' }),
  periodSeconds: z.int().min(1).max(1800).meta({ description: 'Length of the period, in seconds' }),
});

const scalingRules = z.strictObject({
  stabilizationWindowSeconds: z.int().min(0).max(3600).exactOptional().meta({
    description:
      'Window of past recommendations to consider, in seconds: the lowest applies when scaling up, the highest when scaling down; default 0 for scaleUp, 300 for scaleDown',
  }),
  selectPolicy: z.enum(['Max', 'Min', 'Disabled']).exactOptional().meta({
    description:
      'Policy that applies: the one that allows the greatest change (Max) or the least (Min); Disabled allows none in this direction; default Max',
  }),
  policies: z.array(policy).min(1).exactOptional().meta({
    description:
      'Limits of the rate. Default for scaleUp: 4 pods or 100 percent in 15 seconds, and none for growth by CPU demand; for scaleDown: 100 percent in 15 seconds',
  }),
  tolerance: quantity.exactOptional().meta({
    description: 'Deviation of the ratio from 1 that is ignored, such as 0.05 or 50m; default 0.1',
  }),
});

const behavior = z
  .strictObject({
    scaleUp: scalingRules.exactOptional().meta({ description: 'How fast replicas may go up' }),
    scaleDown: scalingRules.exactOptional().meta({ description: 'How fast replicas may go down' }),
  })
  .meta({ description: 'behavior of HPA v2, with its defaults; null scales like an HPA without behavior' });

export const targetSchema = z.strictObject({
  signal: identifier.exactOptional().meta({
    description:
      'Signal to size by; default cpu. memory (working set), requests (arriving per second) and concurrency (outstanding) are built in, too',
  }),
  expr: text.exactOptional().meta({
    description:
      'PromQL of the workload, in place of a signal of the group, which signal names; $namespace, $workload, $kind and, with =~, $pods stand in its strings',
  }),
  maxAge: duration.exactOptional().meta({
    description: 'With expr, age from which a sample is not acted on; default 45s',
  }),
  container: containerName.exactOptional().meta({
    description: 'With cpu or memory, the only container that counts, with its own request',
  }),
  averageUtilization: positive
    .exactOptional()
    .meta({ description: 'Target as a percentage of the CPU or memory request of a pod' }),
  averageValue: quantity.exactOptional().meta({
    description: 'Target value per pod, in the unit of the signal (cores for cpu, bytes for memory)',
  }),
  value: quantity
    .exactOptional()
    .meta({ description: "Target for the signal's total value; use it when adding pods lowers the signal" }),
});

export const objectiveSchema = z.strictObject({
  latency: duration.meta({
    description: 'Longest time from receiving a request to the first byte of the response, such as 50ms',
  }),
  quantile: z
    .number()
    .gt(0)
    .lt(1)
    .exactOptional()
    .meta({ description: 'Fraction of the requests that must meet the latency; default 0.99' }),
});

export const harmSchema = z
  .strictObject({
    latency: z
      .number()
      .gt(1)
      .exactOptional()
      .meta({ description: 'A response takes more than this many times as long as usual; default 2' }),
    atLeast: duration
      .exactOptional()
      .meta({ description: 'It must also take this much longer than usual; default 10ms' }),
    backlog: duration
      .exactOptional()
      .meta({ description: 'Waiting requests would take longer than this to answer; default 2s' }),
    abandoned: z
      .number()
      .gt(0)
      .lt(1)
      .exactOptional()
      .meta({ description: 'Clients give up more than this fraction of the requests; default 0.05' }),
    rounds: positive
      .exactOptional()
      .meta({ description: 'Rounds in a row with a sign of harm before it counts; default 2' }),
  })
  .meta({ description: 'Signs by which requests show that the workload is harmed' });

const scaleTargetRef = z.strictObject({
  apiVersion,
  kind,
  namespace: objectName.meta({ description: 'Namespace of the workload' }),
  name: objectName.meta({ description: 'Name of the workload' }),
});

const selectorRequirement = z.strictObject({
  key: text.meta({ description: 'Key of the label' }),
  operator: z
    .enum(['In', 'NotIn', 'Exists', 'DoesNotExist'])
    .meta({ description: 'Relation of the label to values' }),
  values: z
    .array(z.string())
    .exactOptional()
    .meta({ description: 'Values of the label; required for In and NotIn, forbidden for the others' }),
});

const labelSelector = z.strictObject({
  matchLabels: strings.exactOptional().meta({ description: 'Labels that it must have, with these values' }),
  matchExpressions: z
    .array(selectorRequirement)
    .exactOptional()
    .meta({ description: 'Requirements on labels; all of them must hold' }),
});

const match = z.strictObject({
  apiVersion,
  kind,
  namespace: objectName.exactOptional().meta({ description: 'Default: every namespace' }),
  namespaces: z
    .array(objectName)
    .min(1)
    .exactOptional()
    .meta({ description: 'Several namespaces, in place of namespace' }),
  namespaceSelector: labelSelector
    .exactOptional()
    .meta({ description: 'LabelSelector of the Namespace object; default: whatever its labels' }),
  selector: labelSelector
    .exactOptional()
    .meta({ description: 'LabelSelector of Kubernetes; default: every workload of the kind' }),
});

export const scheduleSchema = z
  .strictObject({
    name: text.meta({ description: 'Name of the schedule, unique in its rule' }),
    timeZone: text
      .exactOptional()
      .meta({ description: 'IANA time zone, such as Europe/Berlin; default UTC' }),
    start: text.meta({ description: 'Times at which it comes into force, a cron expression of five fields' }),
    end: text.meta({ description: 'Times at which it ends, a cron expression of five fields' }),
    minReplicas: positive.exactOptional().meta({ description: "In place of the rule's" }),
    maxReplicas: positive.exactOptional().meta({ description: "In place of the rule's" }),
    scaleDown: z
      .enum(['Disabled'])
      .exactOptional()
      .meta({ description: 'Disabled: demand removes no replicas while the schedule is in force' }),
  })
  .meta({ description: 'A window of time in which the rule has other bounds' });

const fallback = z
  .strictObject({
    after: duration.meta({ description: 'Time without data to size the workload by' }),
    replicas: positive.meta({ description: 'Replicas are raised to this number, never lowered to it' }),
  })
  .meta({ description: 'A floor while the workload cannot be sized for want of data' });

export const idleSchema = z
  .strictObject({
    after: duration.meta({ description: 'Time without activation and without demand, both measured' }),
    replicas: z
      .int()
      .min(0)
      .max(INT32_MAX)
      .exactOptional()
      .meta({ description: 'Replicas to sleep with, fewer than minReplicas; default 0' }),
    activation: z
      .strictObject({
        expr: text.meta({
          description:
            'PromQL that is above `above` while there is work: one number, or with match one per namespace, workload and workload_kind',
        }),
        above: z.number().min(0).exactOptional().meta({ description: 'Default 0' }),
        maxAge: duration.exactOptional().meta({
          description:
            'Age from which a sample is not acted on, and time without one that wakes; default 45s',
        }),
      })
      .meta({ description: 'What there is to do, whether pods run or not' }),
  })
  .meta({ description: 'Sleep while there is nothing to do: fewer replicas than minReplicas, or none' });

export const ruleSchema = z.strictObject({
  scale: title.meta({ description: 'Name of the rule, unique in its group' }),
  scaleTargetRef: scaleTargetRef.exactOptional().meta({ description: 'The workload to scale' }),
  match: match.exactOptional().meta({
    description:
      'Workloads to scale, in place of scaleTargetRef; the first rule that matches a workload scales it',
  }),
  minReplicas: positive.exactOptional().meta({ description: 'Lowest number of replicas; default 1' }),
  maxReplicas: positive.exactOptional().meta({
    description: 'Highest number of replicas; required, here or in the defaults of the group',
  }),
  schedules: z.array(scheduleSchema).exactOptional().meta({
    description:
      'Windows of time with other bounds; of several in force the largest minReplicas and the largest maxReplicas apply',
  }),
  fallback: fallback.exactOptional(),
  idle: idleSchema.exactOptional(),
  target: targetSchema.exactOptional().meta({
    description: 'Load that a pod should carry; default {signal: cpu, averageUtilization: 70}',
  }),
  targets: z.array(targetSchema).min(1).exactOptional().meta({
    description: 'Several targets, in place of target; the one that calls for the most replicas decides',
  }),
  objective: objectiveSchema
    .exactOptional()
    .meta({ description: 'Latency objective of the service; the workload is harmed while it is missed' }),
  harm: harmSchema.exactOptional(),
  decide: z
    .array(decideStepSchema)
    .exactOptional()
    .meta({ description: 'Steps in order; the first that matches applies. Replaces the default steps' }),
  behavior: behavior.nullable().exactOptional(),
  mode: z.enum(['active', 'shadow']).exactOptional().meta({
    description: 'shadow: decide and report, never write the replicas; default active',
  }),
  dryRun: z.boolean().exactOptional().meta({ description: 'true is mode: shadow' }),
  labels: strings
    .exactOptional()
    .meta({ description: 'Labels of the rule, for people; decisions and records carry them' }),
  annotations: strings
    .exactOptional()
    .meta({ description: 'Notes on the rule, for people, such as the address of a runbook' }),
});

export const signalSchema = z.strictObject({
  expr: text.exactOptional().meta({
    description: 'PromQL that returns one number per namespace, workload and workload_kind',
  }),
  maxAge: duration
    .exactOptional()
    .meta({ description: 'Age from which a sample is not acted on; default 45s' }),
});

const defaultsSchema = ruleSchema.omit({ scale: true, scaleTargetRef: true, match: true });

export const groupSchema = z.strictObject({
  name: title.meta({ description: 'Name of the group, unique in its file' }),
  interval: duration.exactOptional().meta({ description: 'Time between two evaluations; default 10s' }),
  window: duration.exactOptional().meta({
    description: 'Range of the rates in built-in signals; at least four scrape intervals; default 1m',
  }),
  signals: z
    .record(identifier, signalSchema)
    .exactOptional()
    .meta({ description: 'Signals to add, and built-in signals to override' }),
  defaults: defaultsSchema
    .exactOptional()
    .meta({ description: 'Fields for every rule of the group; one that a rule has itself replaces it' }),
  rules: z.array(ruleSchema).meta({ description: 'Rules that are evaluated together' }),
});

export const fileSchema = z.strictObject({
  groups: z
    .array(groupSchema)
    .meta({ description: 'Groups of rules; each sends its queries once an interval, for all of its rules' }),
});

export type RawRule = z.infer<typeof ruleSchema>;
export type RawSchedule = z.infer<typeof scheduleSchema>;
export type RawTarget = z.infer<typeof targetSchema>;
export type RawIdle = z.infer<typeof idleSchema>;
export type RawObjective = z.infer<typeof objectiveSchema>;
export type RawHarm = z.infer<typeof harmSchema>;
export type RawGroup = z.infer<typeof groupSchema>;
export type RawDecideStep = z.infer<typeof decideStepSchema>;
export type RawSignal = z.infer<typeof signalSchema>;
export type RawBehavior = z.infer<typeof behavior>;
export type RawScalingRules = z.infer<typeof scalingRules>;
