/**
 * Value of a property that an object itself has. A key that others choose (a label, a signal, a class) may be named like
 * what every object inherits: `constructor`, `toString`.
 */
export function own<T>(object: Readonly<Record<string, T>>, key: string): T | undefined {
  return Object.hasOwn(object, key) ? object[key] : undefined;
}
