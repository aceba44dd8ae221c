import { z } from 'zod';

/** The shape of a rule test file: promtool's, with `scale_test` and what the cluster looks like added. */

const DURATION = /^(?!$)(\d+y)?(\d+w)?(\d+d)?(\d+h)?(\d+m)?(\d+s)?(\d+ms)?$/;
const duration = z.string().regex(DURATION);
const text = z.string().min(1);

/** `values` must be quoted: YAML reads 0x20 as the number 32. */
const inputSeries = z.strictObject({ series: text, values: text });

const workload = z.strictObject({
  apiVersion: text.exactOptional(),
  /** At the start; what rules decide is applied. */
  replicas: z.int().min(0),
  /** What `match` of a rule selects by. */
  labels: z.record(z.string(), z.string()).exactOptional(),
  /** The `ip:port` at which others reach it, as the label `peer` has them. */
  addresses: z.array(text).exactOptional(),
});

const scaleTest = z.strictObject({
  eval_time: duration,
  /** Name of the rule. */
  scale: text,
  /** `namespace/kind/name`; needed when the rule scales several. */
  workload: text.exactOptional(),
  exp_bound: text.exactOptional(),
  exp_replicas: z.int().min(0).exactOptional(),
  /** A part of the reason. */
  exp_reason: text.exactOptional(),
});

const test = z.strictObject({
  name: text.exactOptional(),
  /** Time between two values of a series. */
  interval: duration,
  input_series: z.array(inputSeries),
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
