import type { SyntaxNode } from '@lezer/common';
import { parser } from '@prometheus-io/lezer-promql';
import { childrenOf, type Part } from './syntax.js';

/** Selectors without whose data an expression has no honest value. */
type Need =
  | { readonly selector: string }
  | { readonly all: readonly Need[] }
  /** Alternatives: a metric under its old name or its new one. */
  | { readonly any: readonly Need[] };

const NOTHING: Need = { all: [] };
const ABSENT = ['Absent', 'AbsentOverTime'];

/**
 * Finds the first selector that an expression needs and that has no data, although the expression may have a value: a
 * constant in its place, `or vector(0)`, reads as no load. Undefined where nothing is missing.
 */
export type FindMissing = (hasData: (selector: string) => boolean) => string | undefined;

/** Parses an expression once; selectors are passed to `hasData` as written. */
export function missingSelector(expr: string): FindMissing {
  const top = parser.parse(expr).topNode.firstChild;
  const need = top ? needOf(top, expr) : NOTHING;
  return (hasData) => missingIn(need, hasData);
}

function missingIn(need: Need, hasData: (selector: string) => boolean): string | undefined {
  if ('selector' in need) return hasData(need.selector) ? undefined : need.selector;
  const parts = 'all' in need ? need.all : need.any;
  const missing = parts.map((part) => missingIn(part, hasData));
  if ('all' in need) return missing.find((selector) => selector !== undefined);
  return missing.includes(undefined) ? undefined : missing[0];
}

function needOf(node: SyntaxNode, expr: string): Need {
  if (node.name === 'VectorSelector') return { selector: expr.slice(node.from, node.to) };
  const parts = childrenOf(node);
  if (isAbsence(node)) return NOTHING;
  if (node.name === 'BinaryExpr' && parts.length > 2) {
    const [left, right] = [needOf(parts[0]!, expr), needOf(parts.at(-1)!, expr)];
    if (node.getChild('Unless')) return left;
    if (node.getChild('Or')) return alternatives([left, right]);
  }
  return { all: parts.map((part) => needOf(part, expr)) };
}

/** A side that needs nothing is a default for the other one, not an alternative to it. */
function alternatives(sides: readonly Need[]): Need {
  const real = sides.filter(needsSomething);
  return real.length > 1 ? { any: real } : (real[0] ?? NOTHING);
}

function needsSomething(need: Need): boolean {
  return 'selector' in need || ('all' in need ? need.all : need.any).some(needsSomething);
}

/** Parts of a valid expression that have a value only, or also, while its data is missing. */
export function defaultsIn(expr: string): Part[] {
  const found: Part[] = [];
  parser.parse(expr).iterate({
    enter: ({ node }) => {
      const part = isAbsence(node) ? node : defaultOf(node, expr);
      if (part) found.push({ text: expr.slice(part.from, part.to), offset: part.from });
    },
  });
  return found;
}

/** The side of an `or` that has a value without the data of the other one: a constant, or what is multiplied by zero. */
function defaultOf(node: SyntaxNode, expr: string): SyntaxNode | undefined {
  if (node.name !== 'BinaryExpr' || !node.getChild('Or')) return undefined;
  const right = childrenOf(node).at(-1)!;
  const isConstant = !needsSomething(needOf(right, expr)) && !containsAbsence(right);
  return isConstant || isTimesZero(right, expr) ? right : undefined;
}

function isTimesZero(node: SyntaxNode, expr: string): boolean {
  const parts = childrenOf(node);
  if (node.name === 'ParenExpr') return parts.some((part) => isTimesZero(part, expr));
  if (node.name !== 'BinaryExpr' || !node.getChild('Mul')) return false;
  return parts.some(
    ({ name, from, to }) => name === 'NumberDurationLiteral' && Number(expr.slice(from, to)) === 0,
  );
}

function isAbsence(node: SyntaxNode): boolean {
  const called = node.getChild('FunctionIdentifier')?.firstChild?.name ?? '';
  return node.name === 'FunctionCall' && ABSENT.includes(called);
}

function containsAbsence(node: SyntaxNode): boolean {
  return isAbsence(node) || childrenOf(node).some(containsAbsence);
}
