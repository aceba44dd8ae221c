import type { Workload } from './store.js';

/** What the overview is narrowed to; empty: everything. It stands in the address, so that a link leads to the same. */
export interface Selection {
  readonly q: string;
  readonly namespace: string;
  readonly class: string;
  /** `yes`: harmed; `signs`: harmed or signs of it; `no`: neither; or a cause. */
  readonly harm: string;
  readonly rule: string;
  readonly sort: string;
}

export const EVERYTHING: Selection = { q: '', namespace: '', class: '', harm: '', rule: '', sort: '' };

type Order = (a: Workload, b: Workload) => number;

const byName: Order = (a, b) => compare(a.namespace, b.namespace) || compare(a.name, b.name);

/** Orders by the value of `sort`, with their names for people; equal ones are by name. */
export const ORDERS: Readonly<Record<string, { readonly label: string; readonly order: Order }>> = {
  '': { label: 'name', order: () => 0 },
  harm: { label: 'harm first', order: (a, b) => harmRank(b) - harmRank(a) },
  change: { label: 'change wanted', order: (a, b) => changeOf(b) - changeOf(a) },
  replicas: { label: 'most replicas', order: (a, b) => b.replicas - a.replicas },
  limit: { label: 'nearest to max', order: (a, b) => b.replicas / b.max - a.replicas / a.max },
  class: { label: 'class', order: (a, b) => compare(a.class, b.class) },
  rule: { label: 'rule', order: (a, b) => compare(a.rule, b.rule) },
};

/** The workloads that a selection leaves, in its order. */
export function select(workloads: Iterable<Workload>, selection: Selection): Workload[] {
  const words = selection.q.toLowerCase().split(/\s+/).filter(Boolean);
  const found = [...workloads].filter((it) => fits(it, selection) && hasWords(it, words));
  const order = ORDERS[selection.sort]?.order ?? byName;
  return found.sort((a, b) => order(a, b) || byName(a, b));
}

function fits(it: Workload, { namespace, class: workloadClass, harm, rule }: Selection): boolean {
  return (
    (namespace === '' || it.namespace === namespace) &&
    (workloadClass === '' || it.class === workloadClass) &&
    (rule === '' || it.rule === rule) &&
    hasHarm(it.harm, harm)
  );
}

function hasHarm(harm: string, wanted: string): boolean {
  if (wanted === '') return true;
  if (wanted === 'no') return harm === '';
  if (wanted === 'signs') return harm !== '';
  return wanted === 'yes' ? isHarmed(harm) : harm === wanted;
}

function hasWords({ key, reason, rule, class: workloadClass }: Workload, words: readonly string[]): boolean {
  if (words.length === 0) return true;
  const text = `${key} ${rule} ${workloadClass} ${reason}`.toLowerCase();
  return words.every((word) => text.includes(word));
}

/** True for a cause of harm, not for signs that have not lasted long enough. */
export function isHarmed(harm: string): boolean {
  return harm !== '' && harm !== 'signs';
}

function harmRank({ harm }: Workload): number {
  return isHarmed(harm) ? 2 : harm === '' ? 0 : 1;
}

function changeOf({ wanted, replicas }: Workload): number {
  return Math.abs(wanted - replicas);
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** The values of a field that workloads have, in order. */
export function choices(workloads: Iterable<Workload>, field: 'namespace' | 'class' | 'rule'): string[] {
  return [...new Set([...workloads].map((it) => it[field]))].sort(compare);
}
