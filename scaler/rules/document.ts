import {
  isAlias,
  isMap,
  isNode,
  isScalar,
  isSeq,
  LineCounter,
  parseAllDocuments,
  type Document,
  type Node,
  type Pair,
  type YAMLMap,
} from 'yaml';
import type { Position } from './types.js';
import { findProblems } from './yaml-faults.js';

export type Path = readonly PropertyKey[];

/** A defect of the YAML itself. */
export interface YamlFault extends Position {
  readonly duplicateKey: boolean;
  readonly message: string;
}

/** One YAML document of a file: its value, and where each part of it stands. */
export class RuleDocument {
  readonly faults: readonly YamlFault[];
  /** Nothing but comments. */
  readonly empty: boolean;
  /** Undefined when the YAML is broken; of a key that is given twice it has the last value. */
  readonly value: unknown;
  readonly #file: string;
  readonly #lines: LineCounter;
  readonly #document: Document;
  readonly #text: string;
  readonly #pairs = new Map<YAMLMap, ReadonlyMap<string, Pair>>();

  constructor(file: string, text: string, document: Document, lines: LineCounter) {
    this.#file = file;
    this.#text = text;
    this.#document = document;
    this.#lines = lines;
    this.faults = this.#findFaults();
    const readable = this.faults.every(({ duplicateKey }) => duplicateKey);
    // How far anchors expand has been looked at.
    this.value = readable ? document.toJS({ maxAliasCount: -1 }) : undefined;
    this.empty = this.value === null;
  }

  /** Where the value at `path` stands, or the nearest part around it that exists. */
  locate(path: Path): Position {
    return this.#position(this.#nodeAt(path)?.range?.[0] ?? 0);
  }

  /** Where the key at the end of `path` stands. */
  locateKey(path: Path): Position {
    const parent = this.#nodeAt(path.slice(0, -1));
    if (isMap(parent)) {
      const pair = this.#pairsOf(parent).get(String(path.at(-1)));
      if (isNode(pair?.key)) return this.#position(pair.key.range?.[0] ?? 0);
    }
    return this.locate(path);
  }

  /**
   * Where character `offset` of the string at `path` stands. A string that YAML rewrote (folded, indented or
   * escaped) is located as a whole.
   */
  locateWithin(path: Path, offset: number): Position {
    const node = this.#nodeAt(path);
    const [start, end] = node?.range ?? [0, 0];
    if (!isScalar(node) || typeof node.value !== 'string') return this.#position(start);
    const verbatim = this.#text.slice(start, end).indexOf(node.value);
    return this.#position(verbatim < 0 ? start : start + verbatim + offset);
  }

  #nodeAt(path: Path): Node | null {
    let node: Node | null = this.#document.contents;
    for (const step of path) {
      const next = this.#child(node, step);
      if (!next) return node;
      node = next;
    }
    return this.#resolve(node);
  }

  #child(node: Node | null, step: PropertyKey): Node | null {
    const parent = this.#resolve(node);
    const found = isMap(parent)
      ? this.#pairsOf(parent).get(String(step))?.value
      : isSeq(parent) && parent.items[Number(step)];
    return isNode(found) ? found : null;
  }

  /** Looked for once: a mapping may have as many errors as keys. */
  #pairsOf(map: YAMLMap): ReadonlyMap<string, Pair> {
    const known = this.#pairs.get(map);
    if (known) return known;
    const pairs = new Map(map.items.map((pair) => [isScalar(pair.key) ? String(pair.key.value) : '', pair]));
    this.#pairs.set(map, pairs);
    return pairs;
  }

  #resolve(node: Node | null): Node | null {
    return isAlias(node) ? (node.resolve(this.#document) ?? null) : node;
  }

  #findFaults(): YamlFault[] {
    const { errors } = this.#document;
    const endless = errors.find(({ code }) => code === 'RESOURCE_EXHAUSTION');
    if (endless) return [this.#fault(endless.pos[0], 'it is nested too deeply')];
    if (errors.length > 0) return errors.map(({ pos, message }) => this.#fault(pos[0], message));
    const lineOf = (offset: number): number => this.#position(offset).line;
    return findProblems(this.#document, lineOf).map(({ offset, message, duplicateKey }) =>
      this.#fault(offset, message, duplicateKey),
    );
  }

  #fault(offset: number, message: string, duplicateKey = false): YamlFault {
    return { ...this.#position(offset), duplicateKey, message };
  }

  #position(offset: number): Position {
    const { line, col } = this.#lines.linePos(offset);
    return { file: this.#file, line: Math.max(1, line), column: Math.max(1, col) };
  }
}

/** Reads every YAML document of a file; a byte order mark and CRLF are as good as none. */
export function parseDocuments(file: string, text: string): RuleDocument[] {
  const lines = new LineCounter();
  const source = text.replace(/^\uFEFF/, '');
  const documents = parseAllDocuments(source, {
    lineCounter: lines,
    prettyErrors: false,
    merge: true,
    keepSourceTokens: false,
    // Keys that stand twice are looked for in findProblems, in linear time.
    uniqueKeys: false,
    logLevel: 'error',
  });
  return [...documents].map((document) => new RuleDocument(file, source, document, lines));
}
