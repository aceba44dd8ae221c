import type { Histogram } from 'bpf-linker-napi';

export type TextFormat = 'text' | 'openmetrics';
export type Format = TextFormat | 'protobuf';

export const CONTENT_TYPES: Readonly<Record<Format, string>> = {
  text: 'text/plain; version=0.0.4; charset=utf-8',
  openmetrics: 'application/openmetrics-text; version=1.0.0; charset=utf-8',
  protobuf: 'application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited',
};
/** What OpenMetrics demands at the very end; nothing in the other formats. */
export const TRAILERS: Readonly<Record<Format, Uint8Array>> = {
  text: new Uint8Array(),
  openmetrics: Buffer.from('# EOF\n'),
  protobuf: new Uint8Array(),
};

export interface Family {
  /** As in the text format: a counter's name ends in `_total`. */
  readonly name: string;
  readonly help: string;
  readonly type: 'counter' | 'gauge' | 'histogram';
}

/** `op="read",device="vda"` */
export function labelText(labels: Readonly<Record<string, string | number>>): string {
  return Object.entries(labels)
    .map(([name, value]) => `${name}="${escapeLabelValue(String(value))}"`)
    .join(',');
}

function escapeLabelValue(value: string): string {
  return value.replace(/[\\"\n]/g, (char) => (char === '\n' ? '\\n' : `\\${char}`));
}

/** The HELP and TYPE lines of a family. */
export function familyHeader({ name, help, type }: Family, format: TextFormat): string {
  const openMetrics = format === 'openmetrics';
  // In OpenMetrics the suffix belongs to the sample, not to the family.
  const family = openMetrics && type === 'counter' ? name.replace(/_total$/, '') : name;
  const text = help.replace(openMetrics ? /[\\"\n]/g : /[\\\n]/g, (char) =>
    char === '\n' ? '\\n' : `\\${char}`,
  );
  return `# HELP ${family} ${text}\n# TYPE ${family} ${type}\n`;
}

/** Which of the kernel's buckets become buckets of a classic histogram. */
export interface BucketLayout {
  /** The kernel's buckets up to and including this index count into the bucket. */
  readonly lastBucket: readonly number[];
  readonly upperBound: readonly number[];
  /** The bounds as the text of `le` labels. */
  readonly le: readonly string[];
}

/**
 * Exposes some of the kernel's bounds, which are powers of two: buckets are merged, never split, so every line stays
 * exact.
 *
 * @param exponents of the powers of two to expose; all powers of four by default
 */
export function bucketLayout(
  bounds: readonly number[],
  format: TextFormat,
  exponents?: readonly number[],
): BucketLayout {
  const exposed = bounds
    .map((bound, index) => ({ bound, index, exponent: Math.log2(bound) }))
    .filter(({ exponent }) => exponents?.includes(exponent) ?? exponent % 2 === 0);
  return {
    lastBucket: exposed.map(({ index }) => index),
    upperBound: exposed.map(({ bound }) => bound),
    le: exposed.map(({ bound }) => formatBound(bound, format)),
  };
}

/** As Go's strconv writes it, so that the label is the same in every format Prometheus reads. */
export function formatBound(bound: number, format: TextFormat): string {
  if (bound < 1e-4) return bound.toExponential().replace(/e-(\d)$/, 'e-0$1');
  if (format === 'openmetrics' && Number.isInteger(bound)) return `${bound}.0`;
  return String(bound);
}

export function isEmpty({ buckets, sum }: Histogram): boolean {
  if (sum !== 0) return false;
  for (let index = 0; index < buckets.length; index++) if (buckets[index] !== 0) return false;
  return true;
}
