import {
  messagesOf,
  numberOf,
  readDelimited,
  readPackedSints,
  unzigzag,
  type Message,
} from '../../unit/exporter/exposition/protobuf-reader.js';

const PROTOBUF = 'application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited';

/** Observations by exponent: bucket i holds 2^(i-1) < seconds <= 2^i. */
export type Buckets = ReadonlyMap<number, number>;

interface Series {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value?: number;
  readonly count?: number;
  readonly sum?: number;
  readonly buckets?: Buckets;
}

export interface HistogramSum {
  readonly count: number;
  readonly sum: number;
  readonly buckets: Buckets;
}

/** Everything that the exporter says of one pod at one instant, summed over peers. */
export class PodScrape {
  constructor(
    /** Middle of the scrape, in seconds of `performance.now()`. */
    readonly at: number,
    private readonly series: readonly Series[],
  ) {}

  /** Sum of a metric's series. @returns undefined if the pod has none: absent, never zero */
  value(name: string, labels: Readonly<Record<string, string>> = {}): number | undefined {
    const found = this.#select(name, labels);
    return found.length === 0 ? undefined : found.reduce((sum, { value }) => sum + value!, 0);
  }

  /** Sum of a histogram's series; empty until the first observation. */
  histogram(name: string): HistogramSum {
    const buckets = new Map<number, number>();
    let [count, sum] = [0, 0];
    for (const each of this.#select(name, {})) {
      count += each.count!;
      sum += each.sum!;
      for (const [exponent, inBucket] of each.buckets!)
        buckets.set(exponent, (buckets.get(exponent) ?? 0) + inBucket);
    }
    return { count, sum, buckets };
  }

  /** Thread-seconds by state. */
  get states(): ReadonlyMap<string, number> {
    return new Map(
      this.#select('kernscale_state_seconds_total', {}).map(({ labels, value }) => [labels.state!, value!]),
    );
  }

  #select(name: string, labels: Readonly<Record<string, string>>): readonly Series[] {
    return this.series.filter(
      (each) =>
        each.name === name && Object.entries(labels).every(([label, value]) => each.labels[label] === value),
    );
  }
}

/** Scrapes the exporter once, with the kernel's own buckets, and returns what it says of each of the pods. */
export async function scrape(url: string, pods: readonly string[]): Promise<readonly PodScrape[]> {
  const start = performance.now();
  const response = await fetch(`${url}/metrics`, { headers: { accept: PROTOBUF } });
  const at = (start + performance.now()) / 2000;
  const families = readDelimited(new Uint8Array(await response.arrayBuffer()));
  const ofPod = new Map<string, Series[]>(pods.map((pod) => [pod, []]));
  for (const family of families)
    for (const metric of messagesOf(family, 4)) {
      const labels = labelsOf(metric);
      ofPod.get(labels.pod ?? '')?.push({ name: stringOf(family, 1), labels, ...valueOf(metric) });
    }
  return pods.map((pod) => new PodScrape(at, ofPod.get(pod)!));
}

function valueOf(metric: Message): Pick<Series, 'value' | 'count' | 'sum' | 'buckets'> {
  const single = messagesOf(metric, 3)[0] ?? messagesOf(metric, 2)[0];
  if (single !== undefined) return { value: numberOf(single, 1) };
  const histogram = messagesOf(metric, 7)[0]!;
  return { count: numberOf(histogram, 1), sum: numberOf(histogram, 2), buckets: bucketsOf(histogram) };
}

/** Buckets of a native histogram of schema 0. */
function bucketsOf(histogram: Message): Buckets {
  const buckets = new Map<number, number>();
  const [span] = messagesOf(histogram, 12);
  if (span === undefined) return buckets;
  let exponent = unzigzag(span.get(1)![0] as bigint);
  let count = 0;
  for (const delta of readPackedSints(histogram.get(13)![0] as Uint8Array)) {
    count += delta;
    buckets.set(exponent++, count);
  }
  return buckets;
}

function labelsOf(metric: Message): Record<string, string> {
  return Object.fromEntries(
    messagesOf(metric, 1).map((pair) => [stringOf(pair, 1), stringOf(pair, 2)] as const),
  );
}

const stringOf = (message: Message, field: number): string =>
  Buffer.from(message.get(field)![0] as Uint8Array).toString();
