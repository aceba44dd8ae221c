import { KernscaleError } from './errors.js';
import { isCountable, parseQuantity } from './quantity.js';

type Json = Readonly<Record<string, unknown>>;

/**
 * Reads fields of an object that another program wrote. As in Kubernetes' JSON, null is the same as absent. A value of
 * another type than expected is left out and named, so that it costs itself only.
 */
export class Fields {
  private constructor(
    private readonly object: Json,
    private readonly path: string,
    private readonly faults: string[],
  ) {}

  /**
   * @param faults receives a clause for each value that is left out: `spec.replicas is no whole number from 0 on`
   * @throws KernscaleError `OBJECT_UNREADABLE` if the value is no object
   */
  static of(value: unknown, faults: string[] = []): Fields {
    if (!isObject(value)) throw new KernscaleError('OBJECT_UNREADABLE', 'it is no object');
    return new Fields(value, '', faults);
  }

  /** Number of values that are left out so far, of the whole object. */
  get faultCount(): number {
    return this.faults.length;
  }

  /** A value of any type; undefined where it is absent. */
  value(name: string): unknown {
    return this.#read(name, '', (value) => value);
  }

  string(name: string): string | undefined {
    return this.#read(name, 'text', stringOf);
  }

  /** @throws KernscaleError `OBJECT_UNREADABLE` without a text */
  required(name: string): string {
    const value = this.string(name);
    if (value) return value;
    throw new KernscaleError('OBJECT_UNREADABLE', `it has no ${this.#at(name)}`);
  }

  boolean(name: string): boolean | undefined {
    return this.#read(name, 'true or false', (value) => (typeof value === 'boolean' ? value : undefined));
  }

  /** A whole number that is not negative. */
  count(name: string): number | undefined {
    return this.#read(name, 'a whole number from 0 on', (value) =>
      Number.isSafeInteger(value) && Number(value) >= 0 ? Number(value) : undefined,
    );
  }

  /** A time, in seconds since the epoch. */
  time(name: string): number | undefined {
    return this.#read(name, 'a time', (value) => {
      const seconds = typeof value === 'string' ? Date.parse(value) / 1000 : NaN;
      return Number.isFinite(seconds) ? seconds : undefined;
    });
  }

  /** A Kubernetes quantity that is not negative. */
  quantity(name: string): number | undefined {
    return this.#read(name, 'a quantity', quantityOf);
  }

  /** The fields of an object; none where it is absent. */
  fields(name: string): Fields {
    const value = this.#read(name, 'an object', (found) => (isObject(found) ? found : undefined));
    return new Fields(value ?? {}, this.#at(name), this.faults);
  }

  /** The objects of a list; none where it is absent. */
  list(name: string): Fields[] {
    const found = this.#listOf(name, 'an object', (value) => (isObject(value) ? value : undefined));
    return found.map(([value, path]) => new Fields(value, path, this.faults));
  }

  /**
   * The values of a list, of any type; none where it is null.
   *
   * @throws KernscaleError `OBJECT_UNREADABLE` if the field is absent or no list: what the list holds is not known
   */
  items(name: string): readonly unknown[] {
    const value = Object.hasOwn(this.object, name) ? (this.object[name] ?? []) : undefined;
    if (Array.isArray(value)) return value as unknown[];
    throw new KernscaleError('OBJECT_UNREADABLE', `${this.#at(name)} is not a list`);
  }

  /** The texts of a list; none where it is absent. */
  strings(name: string): string[] {
    return this.#listOf(name, 'text', stringOf).map(([value]) => value);
  }

  /** The texts of a mapping, such as labels; none where it is absent. */
  texts(name: string): Readonly<Record<string, string>> {
    const map = this.fields(name);
    const entries = Object.keys(map.object).map((key) => [key, map.string(key)] as const);
    return Object.fromEntries(entries.filter((entry): entry is [string, string] => entry[1] !== undefined));
  }

  #listOf<T>(name: string, type: string, convert: (value: unknown) => T | undefined): [T, path: string][] {
    const items = this.#read(name, 'a list', (value) =>
      Array.isArray(value) ? (value as unknown[]) : undefined,
    );
    return (items ?? []).flatMap((item, index): [T, string][] => {
      const path = `${this.#at(name)}[${index}]`;
      const value = convert(item);
      if (value === undefined) this.faults.push(`${path} is not ${type}`);
      return value === undefined ? [] : [[value, path]];
    });
  }

  #read<T>(name: string, type: string, convert: (value: unknown) => T | undefined): T | undefined {
    const value = Object.hasOwn(this.object, name) ? this.object[name] : undefined;
    if (value === undefined || value === null) return undefined;
    const converted = convert(value);
    if (converted === undefined) this.faults.push(`${this.#at(name)} is not ${type}`);
    return converted;
  }

  #at(name: string): string {
    return this.path === '' ? name : `${this.path}.${name}`;
  }
}

/** True for a mapping: neither null nor a list. */
export function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function stringOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

function quantityOf(value: unknown): number | undefined {
  if (typeof value !== 'string' && typeof value !== 'number') return undefined;
  try {
    const quantity = parseQuantity(value);
    return isCountable(quantity) ? quantity : undefined;
  } catch {
    return undefined;
  }
}
