import {
  isAlias,
  isCollection,
  isMap,
  isNode,
  isScalar,
  type Alias,
  type Document,
  type Node,
  type Pair,
} from 'yaml';

/** What a file may come to with its anchors expanded. An honest one of the largest size stays below; a bomb does not. */
const MAX_VALUES = 1_000_000;

export interface YamlProblem {
  /** Of its first character in the file. */
  readonly offset: number;
  readonly duplicateKey: boolean;
  readonly message: string;
}

interface Anchor {
  readonly node: Node;
  /** How many values it comes to; undefined while inside it. */
  size?: number;
}

/**
 * Finds what the parser does not, or not at its place or not in linear time: keys given twice, aliases and merge keys
 * of nothing, and anchors that contain themselves or expand without end.
 *
 * @param lineOf line of a character of the file
 */
export function findProblems(document: Document, lineOf: (offset: number) => number): YamlProblem[] {
  const inspection = new Inspection(lineOf);
  inspection.sizeOf(document.contents);
  return inspection.problems;
}

class Inspection {
  readonly problems: YamlProblem[] = [];
  readonly #anchors = new Map<string, Anchor>();
  /** Values that aliases stand for. */
  #expanded = 0;

  constructor(private readonly lineOf: (offset: number) => number) {}

  /** How many values a node comes to. */
  sizeOf(node: unknown): number {
    if (isAlias(node)) return this.#sizeOfAlias(node);
    if (!isCollection(node) && !isScalar(node)) return 1;
    const anchor: Anchor = { node };
    if (node.anchor !== undefined) this.#anchors.set(node.anchor, anchor);
    const size = 1 + this.#sizeOfItems(node);
    anchor.size = size;
    return size;
  }

  #sizeOfItems(node: Node): number {
    if (isMap(node)) {
      this.#checkKeys(node.items);
      return sum(node.items, ({ key, value }) => this.sizeOf(key) + this.sizeOf(value));
    }
    return isCollection(node) ? sum(node.items, (item) => this.sizeOf(item)) : 0;
  }

  #sizeOfAlias(alias: Alias): number {
    const { source } = alias;
    const anchor = this.#anchors.get(source);
    if (!anchor) this.#report(alias, `no anchor before it is named &${source}`);
    else if (anchor.size === undefined) this.#report(alias, `*${source} contains itself`);
    const size = anchor?.size ?? 0;
    const fits = this.#expanded <= MAX_VALUES;
    this.#expanded += size;
    if (fits && this.#expanded > MAX_VALUES) {
      this.#report(alias, `with *${source} the file expands to more than ${MAX_VALUES} values`);
    }
    return size;
  }

  #checkKeys(items: readonly Pair[]): void {
    const first = new Map<string, number>();
    for (const { key, value } of items) {
      if (!isScalar(key)) continue;
      if (isMergeKey(key.value)) this.#checkMerged(value);
      else {
        const name = String(key.value);
        const before = first.get(name);
        if (before === undefined) first.set(name, offsetOf(key));
        else
          this.#report(
            key,
            `the key "${name}" stands in line ${this.lineOf(before)} already; keep one`,
            true,
          );
      }
    }
  }

  /** Aliases of nothing are reported where they are visited. */
  #checkMerged(value: unknown): void {
    const source = this.#resolve(value);
    const sources = isCollection(source) && !isMap(source) ? source.items : [source];
    for (const merged of sources) {
      const resolved = this.#resolve(merged);
      if (resolved === undefined || isMap(resolved)) continue;
      this.#report(value, '<< takes a mapping, or a list of mappings');
    }
  }

  #resolve(node: unknown): unknown {
    return isAlias(node) ? this.#anchors.get(node.source)?.node : node;
  }

  #report(at: unknown, message: string, duplicateKey = false): void {
    this.problems.push({ offset: offsetOf(at), duplicateKey, message });
  }
}

function sum<T>(items: readonly T[], of: (item: T) => number): number {
  return items.reduce((total, item) => total + of(item), 0);
}

function offsetOf(node: unknown): number {
  return isNode(node) ? (node.range?.[0] ?? 0) : 0;
}

/** The parser gives the key `<<` as a symbol. */
function isMergeKey(value: unknown): boolean {
  return typeof value === 'symbol';
}
