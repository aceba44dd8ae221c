import type { Fields } from '../../common/fields.js';
import { own } from '../../common/own.js';

/** The metric of the usual exporter in place of a KEDA scaler. */
interface ExporterMetric {
  readonly exporter: string;
  readonly expr: string;
  /** Fields of the trigger's metadata that hold the threshold, and KEDA's default. */
  readonly threshold: readonly string[];
  readonly fallback?: number;
}

/** By KEDA's name of the scaler; the values in braces come from the trigger's metadata. */
const METRICS: Readonly<Record<string, ExporterMetric>> = {
  kafka: {
    exporter: 'kafka_exporter',
    expr: 'sum(kafka_consumergroup_lag{consumergroup="{consumerGroup}", topic="{topic}"})',
    threshold: ['lagThreshold'],
    fallback: 10,
  },
  rabbitmq: {
    exporter: "RabbitMQ's Prometheus plugin, with metrics per queue",
    expr: 'sum(rabbitmq_queue_messages{queue="{queueName}"})',
    threshold: ['value', 'queueLength'],
    fallback: 20,
  },
  'aws-sqs-queue': {
    exporter: 'cloudwatch_exporter',
    expr: 'sum(aws_sqs_approximate_number_of_messages_visible_average{queue_name="{queueURL}"})',
    threshold: ['queueLength'],
    fallback: 5,
  },
  redis: {
    exporter: 'redis_exporter with --check-keys',
    expr: 'sum(redis_key_size{key="{listName}"})',
    threshold: ['listLength'],
    fallback: 5,
  },
  'nats-jetstream': {
    exporter: 'prometheus-nats-exporter',
    expr: 'sum(jetstream_consumer_num_pending{stream_name="{stream}", consumer_name="{consumer}"})',
    threshold: ['lagThreshold'],
    fallback: 10,
  },
};

/** The target to write for a scaler that Kernscale does not have; its parts in angle brackets are not known. */
export function exporterTarget(
  type: string,
  metadata: Fields,
): { exporter?: string; expr: string; threshold: string } {
  const metric = own(METRICS, type.replace(/^apache-/, ''));
  if (!metric) return { expr: '<PromQL>', threshold: '<amount>' };
  const { exporter, expr, threshold, fallback } = metric;
  const filled = expr.replace(
    /\{(\w+)\}/g,
    (_, field: string) => lastPart(metadata.string(field)) ?? `<${field}>`,
  );
  const given = threshold.map((field) => metadata.string(field)).find((value) => value !== undefined);
  return { exporter, expr: filled, threshold: given ?? String(fallback ?? '<amount>') };
}

/** The name of a queue at the end of its URL. */
function lastPart(text: string | undefined): string | undefined {
  return text?.split('/').at(-1);
}
