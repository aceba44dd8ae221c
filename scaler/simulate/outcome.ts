/** What a run has come to. */
export interface Outcome {
  readonly length: number;
  /** Width of the buckets of {@link ClientOutcome}, seconds. */
  readonly bucket: number;
  readonly clients: ReadonlyMap<string, ClientOutcome>;
  readonly services: ReadonlyMap<string, ServiceOutcome>;
  readonly orders: readonly Order[];
  /** Number of events that were simulated. */
  readonly events: number;
}

/**
 * Requests of a client by the bucket in which they were first sent. The rest of `sent` had no answer at the end: it is
 * late or failed as well, if its objective's latency had passed by then.
 */
export interface ClientOutcome {
  readonly sent: Uint32Array;
  /** Answered within the latency of the objective, retries included. */
  readonly inTime: Uint32Array;
  readonly late: Uint32Array;
  /** Given up, refused, or answered with an error, after all retries. */
  readonly failed: Uint32Array;
  /** Sum of the latencies of those that were answered, seconds. */
  readonly seconds: Float64Array;
}

export interface ServiceOutcome {
  /** Integral of the pods that exist, from creation to the end of deletion. */
  readonly replicaSeconds: number;
  readonly replicas: number;
}

export interface Order {
  readonly at: number;
  readonly service: string;
  readonly from: number;
  readonly to: number;
}

/**
 * Seconds in which an objective was missed: buckets in which a smaller share of the requests than `quantile` was answered
 * in time, and which had any.
 *
 * @param from, to seconds since the start
 */
export function badSeconds(
  { bucket }: Pick<Outcome, 'bucket'>,
  { sent, inTime }: ClientOutcome,
  quantile: number,
  from = 0,
  to = sent.length * bucket,
): number {
  let bad = 0;
  for (let index = Math.ceil(from / bucket); index < Math.floor(to / bucket); index++) {
    if (inTime[index]! < quantile * sent[index]!) bad += bucket;
  }
  return bad;
}
