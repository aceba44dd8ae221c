/** PromQL that several dashboards share. */

/** A state that a timeline shows: a value of a label, its text and its colour. */
export interface State {
  /** Matcher of the label, with its operator: `="cpu"`. */
  readonly matches: string;
  readonly text: string;
  readonly color: string;
}

/** Running and runnable states from green to red, blocked states in other colours. */
export const STATE_COLOURS = {
  oncpu: 'green',
  runqueue: 'yellow',
  throttled: 'red',
  disk: 'purple',
  network: 'blue',
  lock: 'orange',
  ipc: 'light-blue',
  reclaim: 'dark-red',
  other: 'text',
};

export const CLASSES: readonly State[] = [
  { matches: '="none"', text: 'none', color: 'green' },
  { matches: '="cpu"', text: 'cpu', color: 'yellow' },
  { matches: '="disk"', text: 'disk', color: 'purple' },
  { matches: '="dependency"', text: 'dependency', color: 'blue' },
  { matches: '="lock"', text: 'lock', color: 'orange' },
  { matches: '="unknown"', text: 'unknown', color: 'text' },
];

const CAUSES: readonly State[] = [
  { matches: '="cpu"', text: 'by the CPU', color: 'yellow' },
  { matches: '="disk"', text: 'by a disk', color: 'purple' },
  { matches: '="lock"', text: 'by a lock', color: 'orange' },
  { matches: '="other"', text: 'by other waits', color: 'dark-red' },
  { matches: '="queue"', text: 'by the queue for threads', color: 'light-blue' },
  { matches: '!~"cpu|disk|lock|other|queue"', text: 'by a peer', color: 'blue' },
];

/** Well, harmed by nothing that is known, or harmed by a cause. */
export const HARMS: readonly State[] = [
  { matches: '', text: 'well', color: 'green' },
  { matches: '', text: 'harmed', color: 'red' },
  ...CAUSES,
];

/** Index in `CLASSES` of each workload's class. */
export function classOf(selector: string): string {
  return `max by (namespace, workload) (${indexes('kernscale_rule_class', selector, 'class', CLASSES, 0)})`;
}

/** Index in `HARMS` of each workload's harm. */
export function harmOf(selector: string): string {
  const causes = indexes(
    'kernscale_rule_harm_cause',
    selector,
    'cause',
    CAUSES,
    HARMS.length - CAUSES.length,
  );
  return `max by (namespace, workload) (kernscale_rule_harmed{${selector}} or ${causes})`;
}

/** Quantile of a histogram: prefers the native one, whose bounds are closer, where Prometheus stores it. */
export function quantile(q: number, metric: string, selector: string, by: string): string {
  const { native, classic } = bucketRates(metric, selector, by);
  return `histogram_quantile(${q}, ${native}) or histogram_quantile(${q}, ${classic})`;
}

/** Rates of a native histogram, and of the buckets of a classic one; summed up by labels, if there are any. */
export function bucketRates(
  metric: string,
  selector: string,
  by: string,
): { readonly native: string; readonly classic: string } {
  const labels = by === '' ? 'le' : `${by}, le`;
  return {
    native: `sum by (${by}) (${rate(metric, selector)})`,
    classic: `sum by (${labels}) (${rate(`${metric}_bucket`, selector)})`,
  };
}

export function rate(metric: string, selector: string): string {
  return `rate(${metric}{${selector}}[$__rate_interval])`;
}

/**
 * Joins the name of the workload behind each peer to a vector with the labels `by` and `peer`; where the peer is outside this
 * cluster, `peer_namespace` is "outside" and `peer_workload` is its address. Takes any one name of a peer while two scalers
 * disagree: two names would fail the whole panel.
 */
export function namePeers(vector: string, by: string): string {
  const rename = (inner: string, to: string, from: string) =>
    `label_replace(${inner}, "${to}", "$1", "${from}", "(.*)")`;
  const peers = rename('kernscale_endpoint_info', 'peer', 'address');
  const names = rename(rename(peers, 'peer_workload', 'workload'), 'peer_namespace', 'namespace');
  const named = `${vector} * on (peer) group_left (peer_namespace, peer_workload) topk by (peer) (1, ${names})`;
  const outside = `label_replace(${rename(vector, 'peer_workload', 'peer')}, "peer_namespace", "outside", "", "")`;
  return `${named} or on (${by}, peer) ${outside}`;
}

function indexes(
  metric: string,
  selector: string,
  label: string,
  states: readonly State[],
  first: number,
): string {
  return states
    .map(({ matches }, index) => `${first + index} * ${metric}{${selector}, ${label}${matches}}`)
    .join(' or ');
}
