/** The record with each value replaced. */
export function mapValues<Name extends string, T, U>(
  record: Readonly<Record<Name, T>>,
  map: (value: T, name: string) => U,
): Record<Name, U> {
  const entries = Object.entries<T>(record).map(([name, value]) => [name, map(value, name)]);
  return Object.fromEntries(entries) as Record<Name, U>;
}
