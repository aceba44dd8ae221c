import {
  isAlias,
  isMap,
  isNode,
  isScalar,
  isSeq,
  LineCounter,
  parseAllDocuments,
  visit,
  type Document,
  type Node,
  type Pair,
  type YAMLMap,
} from 'yaml';
import { oncePer } from '../once.js';
import { findFaults } from './faults.js';

/** Place in a file; lines and columns count from 1. */
export interface Position {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

export type Path = readonly PropertyKey[];

/** Part of a document that a message points at. */
export interface Pointer {
  readonly path: Path;
  /** True to point at the last key of `path` instead of its value. */
  readonly atKey?: boolean;
  /** Character of the string at `path` to point at. */
  readonly offset?: number;
}

/** Defect of the YAML itself. */
export interface YamlError extends Position {
  readonly code: 'YAML' | 'DUPLICATE_KEY';
  readonly message: string;
}

/**
 * Bound on the uses of one anchor, times the aliases inside it. An alias bomb exceeds it within milliseconds; one
 * anchor may still be merged into thousands of rules.
 */
const MAX_ALIAS_COUNT = 1_000_000;

/** One YAML document of a file: its value, and the position of each part. */
export class YamlDocument {
  readonly errors: readonly YamlError[];
  /** Undefined when the YAML is broken. Of a duplicate key it has the last value. */
  readonly value: unknown;
  /** True if the document has nothing but comments. */
  readonly empty: boolean;

  constructor(
    private readonly file: string,
    private readonly text: string,
    private readonly document: Document,
    private readonly lines: LineCounter,
  ) {
    const errors = this.#findErrors();
    const isReadable = errors.every(({ code }) => code === 'DUPLICATE_KEY');
    try {
      this.value = isReadable ? document.toJS({ maxAliasCount: MAX_ALIAS_COUNT }) : undefined;
    } catch (error) {
      // All that the package throws for a document that it has parsed without errors.
      if (!(error instanceof ReferenceError)) throw error;
      errors.push(this.#error(this.#lastAlias(), 'aliases expand to too much data; use fewer of them'));
    }
    this.errors = errors;
    this.empty = this.value === null && errors.length === 0;
  }

  /** Position of a part of the document, or of the nearest part around it that exists. */
  locate(path: Path): Position {
    return this.#position(offsetOf(this.#nodeAt(path)));
  }

  /** Position that a message points at. A string that YAML rewrites (folds or unescapes) is located as a whole. */
  locatePointer({ path, atKey, offset }: Pointer): Position {
    if (atKey) return this.#locateKey(path);
    const node = this.#nodeAt(path);
    if (offset === undefined || !isScalar(node) || typeof node.value !== 'string') return this.locate(path);
    const [start, end] = node.range ?? [0, 0];
    const verbatim = this.text.slice(start, end).indexOf(node.value);
    return this.#position(verbatim < 0 ? start : start + verbatim + offset);
  }

  #locateKey(path: Path): Position {
    const parent = this.#nodeAt(path.slice(0, -1));
    const key = isMap(parent) ? pairsOf(parent).get(String(path.at(-1)))?.key : undefined;
    return isNode(key) ? this.#position(offsetOf(key)) : this.locate(path);
  }

  #nodeAt(path: Path): Node | null {
    let node = this.#resolve(this.document.contents);
    for (const step of path) {
      const child = isMap(node)
        ? pairsOf(node).get(String(step))?.value
        : isSeq(node) && node.items[Number(step)];
      if (!child) break;
      node = this.#resolve(child as Node);
    }
    return node;
  }

  #resolve(node: Node | null): Node | null {
    return isAlias(node) ? (node.resolve(this.document) ?? null) : node;
  }

  #findErrors(): YamlError[] {
    const { errors } = this.document;
    const exhausted = errors.find(({ code }) => code === 'RESOURCE_EXHAUSTION');
    if (exhausted) return [this.#error(exhausted.pos[0], 'the document is nested too deeply')];
    if (errors.length === 0) {
      const tags = this.document.warnings.filter(({ code }) => code === 'TAG_RESOLVE_FAILED');
      if (tags.length > 0) return tags.map(({ pos }) => this.#unknownTag(pos));
      return findFaults(this.document, (node) => this.#position(offsetOf(node)).line).map(
        ({ node, code, message }) => ({ ...this.#error(offsetOf(node), message), code }),
      );
    }
    // After one unexpected token, the parser reports every token that follows as well.
    return errors
      .filter(({ code }, index) => index === 0 || code !== 'UNEXPECTED_TOKEN')
      .map(({ pos, message }) => this.#error(pos[0], message));
  }

  /** A tag that the parser does not know, and would drop with a warning. */
  #unknownTag([start, end]: readonly [number, number]): YamlError {
    return this.#error(start, `unknown tag ${this.text.slice(start, end)}; remove it`);
  }

  /** Offset of the last alias, which is the outermost of those that expand others. */
  #lastAlias(): number {
    let offset = 0;
    visit(this.document, {
      Alias: (_, alias) => {
        offset = offsetOf(alias);
      },
    });
    return offset;
  }

  #error(offset: number, message: string): YamlError {
    return { ...this.#position(offset), code: 'YAML', message };
  }

  #position(offset: number): Position {
    const { line, col } = this.lines.linePos(offset);
    return { file: this.file, line: Math.max(1, line), column: Math.max(1, col) };
  }
}

/** Parses a file that may hold one YAML document; undefined if it is empty. */
export function parseSingleDocument(
  file: string,
  text: string,
): { readonly document: YamlDocument | undefined; readonly errors: readonly YamlError[] } {
  const [document, second] = parseDocuments(file, text);
  const errors = [...(document?.errors ?? [])];
  if (second) {
    const message = 'the file has a second YAML document; keep one of them';
    errors.push({ ...second.locate([]), code: 'YAML', message });
  }
  return { document, errors };
}

/** Parses every YAML document of a file. A byte order mark is ignored; CRLF line ends are accepted. */
export function parseDocuments(file: string, text: string): YamlDocument[] {
  const source = text.replace(/^\uFEFF/, '');
  // The parser's own line counter skips lines inside broken YAML.
  const lines = new LineCounter();
  lines.addNewLine(0);
  for (const { index } of source.matchAll(/\n/g)) lines.addNewLine(index + 1);
  const options = {
    prettyErrors: false,
    merge: true,
    // Duplicate keys are found in findFaults, which names the first of them and takes linear time.
    uniqueKeys: false,
    logLevel: 'error',
  } as const;
  return [...parseAllDocuments(source, options)].map(
    (document) => new YamlDocument(file, source, document, lines),
  );
}

/** Pairs of a mapping by key, built once: a mapping may have as many errors as keys. */
const pairsOf = oncePer(
  ({ items }: YAMLMap): ReadonlyMap<string, Pair> =>
    new Map(items.map((pair) => [isScalar(pair.key) ? String(pair.key.value) : '', pair])),
);

function offsetOf(node: Node | null): number {
  return node?.range?.[0] ?? 0;
}
