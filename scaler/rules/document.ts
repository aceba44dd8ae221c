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
import { salvage, withoutEchoes, type Remains } from './salvage.js';
import { findProblems } from './yaml-faults.js';

export type Path = readonly PropertyKey[];

/** A defect of the YAML itself. */
export interface YamlFault extends Position {
  readonly duplicateKey: boolean;
  readonly message: string;
}

/** What had to be cut out of a document to read the rest of it, and why. */
type Damage = Pick<Remains, 'cuts' | 'defects'>;

/** One YAML document of a file: its value, and where each part of it stands. */
export class RuleDocument {
  readonly faults: readonly YamlFault[];
  /** Nothing but comments. */
  readonly empty: boolean;
  /**
   * Undefined when the YAML is broken; of a key that is given twice it has the last value. What is broken within a
   * group or a rule is cut out.
   */
  readonly value: unknown;
  readonly #file: string;
  readonly #lines: LineCounter;
  readonly #document: Document;
  readonly #text: string;
  readonly #pairs = new Map<YAMLMap, ReadonlyMap<string, Pair>>();
  readonly #cuts: readonly number[];

  constructor(file: string, text: string, document: Document, lines: LineCounter, damage?: Damage) {
    this.#file = file;
    this.#text = text;
    this.#document = document;
    this.#lines = lines;
    this.#cuts = damage?.cuts ?? [];
    const found = this.#findFaults();
    const readable = found.every(({ duplicateKey }) => duplicateKey);
    const defects = damage?.defects.map(({ pos, message }) => this.#fault(pos[0], message)) ?? [];
    this.faults = [...defects, ...found.filter((fault) => this.#isApart(fault))];
    // How far anchors expand has been looked at.
    this.value = readable ? document.toJS({ maxAliasCount: -1 }) : undefined;
    this.empty = this.value === null && this.faults.length === 0;
  }

  /**
   * Whether what is wrong at `path` is so for itself, and not for want of what had to be cut out.
   *
   * @param isLack of something: what stands right before a cut may have gone on behind it
   */
  isWhole(path: Path, isLack: boolean): boolean {
    if (this.#cuts.length === 0) return true;
    const [root, group, list, rule] = path;
    if (root !== 'groups' || group === undefined) return false;
    if (list !== 'rules' || rule === undefined) return !this.#isBeforeCut(['groups'], group);
    return !isLack || !this.#isBeforeCut(['groups', group, 'rules'], rule);
  }

  /** Whether something was cut out of an item of the list at `path`, or behind it. */
  #isBeforeCut(path: Path, index: PropertyKey): boolean {
    const list = this.#nodeAt(path);
    if (!isSeq(list)) return true;
    const startOf = (at: number): number => (list.items[at] as Node | undefined)?.range?.[0] ?? Infinity;
    const at = Number(index);
    return this.#cuts.some((cut) => startOf(at) <= cut && cut < startOf(at + 1));
  }

  /** Whether a fault has nothing to do with what was cut out: not with its anchors, nor with lines that are left of it. */
  #isApart({ column, duplicateKey }: YamlFault): boolean {
    const columns = this.#cuts.map((cut) => this.#position(cut).column);
    return columns.length === 0 || (duplicateKey && column > Math.max(...columns));
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
    if (errors.length > 0) {
      return withoutEchoes(errors).map(({ pos, message }) => this.#fault(pos[0], message));
    }
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

/**
 * Reads every YAML document of a file; a byte order mark and CRLF are as good as none.
 *
 * @param options.salvage of groups and rules: read what is left when one of them is broken
 */
export function parseDocuments(
  file: string,
  text: string,
  options: { readonly salvage?: boolean } = {},
): RuleDocument[] {
  const source = text.replace(/^\uFEFF/, '');
  const lines = linesOf(source);
  const documents = parse(source);
  const isBroken = documents.some(({ errors }) => errors.length > 0);
  const remains = options.salvage && isBroken ? salvage(source, documents, parse) : undefined;
  if (!remains) return documents.map((document) => new RuleDocument(file, source, document, lines));
  const left = remains.documents;
  const documentAt = (offset: number): Document | undefined =>
    left.findLast(({ range }) => range[0] <= offset) ?? left[0];
  return left.map((document) => {
    const cuts = remains.cuts.filter((cut) => documentAt(cut) === document);
    const defects = remains.defects.filter(({ pos }) => documentAt(pos[0]) === document);
    return new RuleDocument(file, source, document, lines, { cuts, defects });
  });
}

/** The parser's own count leaves out lines of what it cannot make sense of. */
function linesOf(source: string): LineCounter {
  const lines = new LineCounter();
  lines.addNewLine(0);
  for (const { index } of source.matchAll(/\n/g)) lines.addNewLine(index + 1);
  return lines;
}

function parse(source: string): Document.Parsed[] {
  return [
    ...parseAllDocuments(source, {
      prettyErrors: false,
      merge: true,
      keepSourceTokens: false,
      // Keys that stand twice are looked for in findProblems, in linear time.
      uniqueKeys: false,
      logLevel: 'error',
    }),
  ];
}
