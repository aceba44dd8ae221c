import {
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  parseAllDocuments,
  type Document,
  type Node,
  type YAMLError,
} from 'yaml';
import type { Position } from './types.js';

/** How often anchors may be expanded; a rule file of honest size stays far below, an alias bomb does not. */
const MAX_ALIASES = 1000;

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
  /** Undefined when the YAML is broken. */
  readonly value: unknown;
  readonly #file: string;
  readonly #lines: LineCounter;
  readonly #document: Document;
  readonly #text: string;

  constructor(file: string, text: string, document: Document, lines: LineCounter) {
    this.#file = file;
    this.#text = text;
    this.#document = document;
    this.#lines = lines;
    const faults = document.errors.map((error) => this.#fault(error));
    try {
      this.value = faults.length === 0 ? document.toJS({ maxAliasCount: MAX_ALIASES }) : undefined;
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      faults.push({ ...this.#position(0), duplicateKey: false, message });
    }
    this.faults = faults;
    this.empty = this.value === null && faults.length === 0;
  }

  /** Where the value at `path` stands, or the nearest part around it that exists. */
  locate(path: Path): Position {
    return this.#position(this.#nodeAt(path)?.range?.[0] ?? 0);
  }

  /** Where the key at the end of `path` stands. */
  locateKey(path: Path): Position {
    const parent = this.#nodeAt(path.slice(0, -1));
    if (isMap(parent)) {
      const pair = parent.items.find(({ key }) => isScalar(key) && key.value === path.at(-1));
      if (isScalar(pair?.key)) return this.#position(pair.key.range?.[0] ?? 0);
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
    if (isSeq(parent) || isMap(parent)) return (parent.get(step, true) as Node | undefined) ?? null;
    return null;
  }

  #resolve(node: Node | null): Node | null {
    return isAlias(node) ? (node.resolve(this.#document) ?? null) : node;
  }

  #fault(error: YAMLError): YamlFault {
    return {
      ...this.#position(error.pos[0]),
      duplicateKey: error.code === 'DUPLICATE_KEY',
      message: error.message,
    };
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
  });
  return [...documents].map((document) => new RuleDocument(file, source, document, lines));
}
