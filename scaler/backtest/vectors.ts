import type { RangeSeries } from '../promql/range.js';

/** The values of an expression at every time of a grid. */
export type Vector = readonly RangeSeries[];
type Labels = RangeSeries['labels'];

/** PromQL's `sum by (…)`, `count by (…)` and `avg by (…)`. */
export type Aggregation = 'sum' | 'count' | 'avg';

export function aggregate(vector: Vector, aggregation: Aggregation, by: readonly string[]): Vector {
  const groups = grouped(vector, (name) => by.includes(name));
  return [...groups.values()].map(({ labels, members }) => ({ labels, ...combine(members, aggregation) }));
}

function combine(members: Vector, aggregation: Aggregation): Omit<RangeSeries, 'labels'> {
  const length = members[0]!.values.length;
  const values = new Float64Array(length);
  const present = new Uint8Array(length);
  const counts = new Uint32Array(length);
  for (const member of members) {
    for (let index = 0; index < length; index++) {
      if (member.present[index] === 0) continue;
      values[index]! += member.values[index]!;
      counts[index]!++;
      present[index] = 1;
    }
  }
  if (aggregation === 'count') values.set(counts);
  else if (aggregation === 'avg')
    for (let index = 0; index < length; index++) values[index]! /= counts[index]!;
  return { values, present };
}

/** PromQL's `and`: what `left` has where `right` has a value with the same labels, but for those ignored. */
export function and(left: Vector, right: Vector, ignoring: readonly string[]): Vector {
  const matched = (name: string): boolean => name !== '__name__' && !ignoring.includes(name);
  const partners = new Map<string, Uint8Array>();
  for (const [key, { members }] of grouped(right, matched))
    partners.set(key, combine(members, 'count').present);
  return left.flatMap(({ labels, values, present }) => {
    const partner = partners.get(keyOf(labels, matched));
    return partner ? [{ labels, values, present: both(present, partner) }] : [];
  });
}

/** PromQL's `/` of aggregates, which have no metric name and no two series with the same labels. */
export function divide(over: Vector, under: Vector): Vector {
  const divisors = new Map(under.map((series) => [keyOf(series.labels), series]));
  return over.flatMap(({ labels, values, present }) => {
    const divisor = divisors.get(keyOf(labels));
    if (!divisor) return [];
    const quotients = values.map((value, index) => value / divisor.values[index]!);
    return [{ labels, values: quotients, present: both(present, divisor.present) }];
  });
}

/** PromQL's `clamp_min` of an aggregate. */
export function clampMin(vector: Vector, least: number): Vector {
  return vector.map((series) => ({
    ...series,
    values: series.values.map((value) => Math.max(value, least)),
  }));
}

function both(one: Uint8Array, other: Uint8Array): Uint8Array {
  return one.map((here, index) => here & other[index]!);
}

function grouped(
  vector: Vector,
  by: (name: string) => boolean,
): ReadonlyMap<string, { readonly labels: Labels; readonly members: RangeSeries[] }> {
  const groups = new Map<string, { labels: Labels; members: RangeSeries[] }>();
  for (const series of vector) {
    const key = keyOf(series.labels, by);
    const group = groups.get(key);
    if (group) group.members.push(series);
    else groups.set(key, { labels: pick(series.labels, by), members: [series] });
  }
  return groups;
}

function pick(labels: Labels, wanted: (name: string) => boolean): Labels {
  return Object.fromEntries(Object.entries(labels).filter(([name]) => wanted(name)));
}

function keyOf(labels: Labels, wanted: (name: string) => boolean = () => true): string {
  const names = Object.keys(labels).filter(wanted).sort();
  return JSON.stringify(names.map((name) => [name, labels[name]]));
}
