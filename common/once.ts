/** Returns the value of `key`, computed and stored first where the map has none. */
export function getOrCompute<K, V>(
  map: { get(key: K): V | undefined; set(key: K, value: V): unknown },
  key: K,
  compute: (key: K) => V,
): V {
  const known = map.get(key);
  if (known !== undefined) return known;
  const value = compute(key);
  map.set(key, value);
  return value;
}

/** Computes a value once per immutable object, and keeps it for as long as the object lives. */
export function oncePer<K extends object, V>(compute: (key: K) => V): (key: K) => V {
  const known = new WeakMap<K, V>();
  return (key) => getOrCompute(known, key, compute);
}

/** Keeps the last result: for a function that is called several times in a row with the same argument. */
export function lastCall<A, V>(compute: (argument: A) => V): (argument: A) => V {
  let last: { readonly argument: A; readonly value: V } | undefined;
  return (argument) => {
    if (last?.argument !== argument) last = { argument, value: compute(argument) };
    return last.value;
  };
}
