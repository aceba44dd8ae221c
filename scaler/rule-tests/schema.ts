import { z } from 'zod';
import { duration, text } from '../rules/values.js';

/** Shape of a rule test file: that of promtool, plus `workloads` of the cluster and `scale_test`. */

/** `values` must be quoted: YAML reads 0x20 as the number 32. */
const inputSeries = z.strictObject({ series: text, values: text });

const workload = z.strictObject({
  apiVersion: text.exactOptional(),
  /** Replicas at the start; decisions are applied. */
  replicas: z.int().min(0),
  /** Labels that `match` of a rule selects by. */
  labels: z.record(z.string(), z.string()).exactOptional(),
  /** Addresses by which others reach it, as in the label `peer`: `ip:port`. */
  addresses: z.array(text).exactOptional(),
});

const scaleTest = z.strictObject({
  eval_time: duration,
  /** Name of the rule. */
  scale: text,
  /** `namespace/kind/name`; required if the rule scales several workloads. */
  workload: text.exactOptional(),
  exp_bound: text.exactOptional(),
  exp_replicas: z.int().min(0).exactOptional(),
  /** Substring of the reason. */
  exp_reason: text.exactOptional(),
});

const test = z.strictObject({
  name: text.exactOptional(),
  /** Time between two values of a series. */
  interval: duration,
  input_series: z.array(inputSeries),
  /** Labels of Namespace objects, which `namespaceSelector` of a rule selects by. */
  namespaces: z.record(z.string(), z.record(z.string(), z.string())).exactOptional(),
  /** Keyed by `namespace/kind/name`. */
  workloads: z.record(z.string(), workload),
  scale_test: z.array(scaleTest).min(1),
});

export const testFileSchema = z.strictObject({
  /** Relative to the test file. */
  rule_files: z.array(text).min(1),
  /** Time between two rounds, in place of the groups' own intervals. */
  evaluation_interval: duration.exactOptional(),
  tests: z.array(test).min(1),
});

export type RawTestFile = z.infer<typeof testFileSchema>;
export type RawTest = z.infer<typeof test>;
export type ScaleTest = z.infer<typeof scaleTest>;
export type InputSeries = z.infer<typeof inputSeries>;
