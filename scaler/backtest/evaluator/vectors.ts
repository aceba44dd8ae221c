import type { RangeSeries } from '../../promql/range.js';

/** Values of an expression at every step of a grid. */
export type Vector = readonly RangeSeries[];
type Labels = RangeSeries['labels'];

/** `sum by (…)`, `count by (…)` or `avg by (…)`. */
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

/** `left and ignoring (…) right`: values of `left` where `right` has one with the same labels, `ignoring` aside. */
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

/** `left or right` of vectors without metric names, in which no two series have equal labels. */
export function or(left: Vector, right: Vector): Vector {
  const rows = new Map(left.map((series) => [keyOf(series.labels), series]));
  for (const series of right) {
    const key = keyOf(series.labels);
    const first = rows.get(key);
    rows.set(key, first ? either(first, series) : series);
  }
  return [...rows.values()];
}

/** `vector != number`. */
export function unequal(vector: Vector, number: number): Vector {
  return vector.map(({ labels, values, present }) => {
    const kept = present.map((here, index) => (values[index] === number ? 0 : here));
    return { labels, values, present: kept };
  });
}

/** `factor * vector` of a vector without metric names. */
export function scale(vector: Vector, factor: number): Vector {
  return vector.map((series) => ({ ...series, values: series.values.map((value) => factor * value) }));
}

/** A vector with one more label. */
export function labelled(vector: Vector, name: string, value: string): Vector {
  return vector.map((series) => ({ ...series, labels: { ...series.labels, [name]: value } }));
}

/** `dividend / divisor` of vectors without metric names, in which no two series have equal labels. */
export function divide(dividend: Vector, divisor: Vector): Vector {
  const divisors = new Map(divisor.map((series) => [keyOf(series.labels), series]));
  return dividend.flatMap(({ labels, values, present }) => {
    const partner = divisors.get(keyOf(labels));
    if (!partner) return [];
    const quotients = values.map((value, index) => value / partner.values[index]!);
    return [{ labels, values: quotients, present: both(present, partner.present) }];
  });
}

/** `clamp_min()` of a vector without metric names. */
export function clampMin(vector: Vector, least: number): Vector {
  return vector.map((series) => ({
    ...series,
    values: series.values.map((value) => Math.max(value, least)),
  }));
}

function either(first: RangeSeries, second: RangeSeries): RangeSeries {
  return {
    labels: first.labels,
    values: first.values.map((value, index) => (first.present[index] === 1 ? value : second.values[index]!)),
    present: first.present.map((here, index) => here | second.present[index]!),
  };
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
