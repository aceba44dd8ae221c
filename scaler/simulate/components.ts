import type { Scenario } from './scenario.js';

/**
 * Groups services, clients and what is outside by what they can affect of each other: calls, and nodes that they share.
 * Each group is simulated by itself between two decisions: a large fleet is then as quick, by service, as a small one.
 *
 * @returns a number of the group by name of a service, and of something outside
 */
export function componentsOf({ services, outside, nodes }: Scenario): ReadonlyMap<string, number> {
  const parents = new Map<string, string>();
  for (const { name } of [...services, ...outside]) parents.set(name, name);
  const root = (name: string): string => {
    const parent = parents.get(name)!;
    return parent === name ? name : root(parent);
  };
  for (const { name, calls } of services) {
    for (const { to } of calls) parents.set(root(to), root(name));
    if (nodes) parents.set(root(name), root(services[0]!.name));
  }
  const numbers = new Map<string, number>();
  const numberOf = (name: string): number => {
    const top = root(name);
    if (!numbers.has(top)) numbers.set(top, numbers.size);
    return numbers.get(top)!;
  };
  return new Map([...parents.keys()].map((name) => [name, numberOf(name)]));
}
