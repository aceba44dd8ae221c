import { isMap, isNode, isSeq, type Document, type ParsedNode, type YAMLError } from 'yaml';

/** A file is parsed again after every cut, so a large one, or one that is broken all over, is not salvaged. */
const MAX_LENGTH = 128 * 1024;
const MAX_CUTS = 10;
const MAX_ERRORS = 100;
/** Groups and their rules are cut out as a whole: what is left of one tells nothing. */
const ITEM_DEPTH = 2;

/** A text whose YAML is broken, with the groups and rules blanked out that the defects are in. */
export interface Remains {
  /** What is left of it stands where it stood. */
  readonly documents: readonly Document.Parsed[];
  /** Where they were: the offsets of their dashes. */
  readonly cuts: readonly number[];
  /** The first defect of each: what else the parser stumbles over there may come of it. */
  readonly defects: readonly YAMLError[];
}

interface Lines {
  readonly start: number;
  readonly dash: number;
  readonly end: number;
}

/** Undefined where what is left cannot be told from what is broken. */
export function salvage(
  source: string,
  documents: readonly Document.Parsed[],
  parse: (text: string) => readonly Document.Parsed[],
): Remains | undefined {
  if (source.length > MAX_LENGTH) return undefined;
  const cuts: number[] = [];
  const defects: YAMLError[] = [];
  let [text, parsed] = [source, documents];
  while (cuts.length <= MAX_CUTS) {
    const broken = parsed.find(({ errors }) => errors.length > 0);
    if (!broken) return { documents: parsed, cuts, defects };
    const errors = withoutEchoes(broken.errors);
    if (errors.length > MAX_ERRORS) return undefined;
    const first = errors.reduce((a, b) => (b.pos[0] < a.pos[0] ? b : a));
    const item = itemBefore(broken, first.pos[0], text);
    if (!item) return undefined;
    const isWider = cuts.some((cut) => item.dash < cut && cut < item.end);
    if (!isWider) defects.push(first);
    cuts.push(item.dash);
    const blank = text.slice(item.start, item.end).replaceAll(/[^\r\n]/g, ' ');
    text = text.slice(0, item.start) + blank + text.slice(item.end);
    parsed = parse(text);
  }
  return undefined;
}

/** Where one token is not expected, neither are those that follow. */
export function withoutEchoes(errors: readonly YAMLError[]): readonly YAMLError[] {
  return errors.filter(({ code }, index) => index === 0 || code !== 'UNEXPECTED_TOKEN');
}

/** The lines of the innermost item that begins at or before `offset`, down to the rules of a group. */
function itemBefore(document: Document, offset: number, text: string): Lines | undefined {
  let node: unknown = document.contents;
  let item: { column: number; offset: number } | undefined;
  for (let depth = 0; depth < ITEM_DEPTH;) {
    const children: unknown[] = isMap<ParsedNode, ParsedNode | null>(node)
      ? node.items.map(({ key, value }) => value ?? key)
      : isSeq(node)
        ? node.items
        : [];
    const child = children.findLast((candidate) => isNode(candidate) && startOf(candidate) <= offset);
    if (child === undefined) break;
    if (isSeq(node) && !node.flow) {
      item = { column: startOf(node) - lineStart(text, startOf(node)), offset: startOf(child) };
      depth++;
    }
    node = child;
  }
  return item && linesOf({ ...item, defect: offset }, text);
}

/** From the line with the item's dash, beyond that of the defect, to one that is indented no more than the dash. */
function linesOf(
  item: { readonly column: number; readonly offset: number; readonly defect: number },
  text: string,
): Lines | undefined {
  const indent = ' '.repeat(item.column);
  let start = lineStart(text, item.offset);
  while (!text.startsWith(`${indent}-`, start)) {
    if (start === 0) return undefined;
    start = lineStart(text, start - 1);
  }
  let end = nextLine(text, Math.max(start, item.defect));
  while (end < text.length && isWithin(text.slice(end, nextLine(text, end)), item.column))
    end = nextLine(text, end);
  return { start, dash: start + item.column, end };
}

function isWithin(line: string, column: number): boolean {
  const [indent = ''] = /^\s*/.exec(line)!;
  return (
    indent.length > column ||
    indent.length === line.length ||
    line.startsWith('#', indent.length) ||
    indent.includes('\t')
  );
}

function startOf(node: unknown): number {
  return isNode(node) ? (node.range?.[0] ?? 0) : 0;
}

function lineStart(text: string, offset: number): number {
  return offset === 0 ? 0 : text.lastIndexOf('\n', offset - 1) + 1;
}

function nextLine(text: string, offset: number): number {
  const end = text.indexOf('\n', offset);
  return end < 0 ? text.length : end + 1;
}
