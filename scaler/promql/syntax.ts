import type { SyntaxNode } from '@lezer/common';
import { parser } from '@prometheus-io/lezer-promql';
import { parseDuration } from '../../common/duration.js';
import { errorCode } from '../../common/errors.js';

/** Part of an expression. */
export interface Part {
  readonly text: string;
  /** Character at which it begins, from 0. */
  readonly offset: number;
}

/** Nodes that select a range of samples. */
export const RANGES = ['MatrixSelector', 'SubqueryExpr'];
/** Functions of a range that need at least two samples in it. */
const OF_TWO_SAMPLES = new Set(['rate', 'irate', 'increase', 'delta', 'idelta', 'deriv', 'predict_linear']);
/** Aggregations that return whole series. */
const SELECTING = new Set(['Topk', 'Bottomk', 'LimitK', 'LimitRatio']);

/** Children of a node, in order. */
export function childrenOf(node: SyntaxNode | null): SyntaxNode[] {
  const children: SyntaxNode[] = [];
  for (let child = node?.firstChild; child; child = child.nextSibling) children.push(child);
  return children;
}

/** Labels in the parentheses of `by (…)`, `ignoring (…)` and similar. */
export function labelsIn(modifier: SyntaxNode, expr: string): string[] {
  const labels = modifier.getChild('GroupingLabels')?.getChildren('LabelName') ?? [];
  return labels.map(({ from, to }) => expr.slice(from, to));
}

/** Names of the metrics that a valid expression selects by name. */
export function metricsOf(expr: string): Part[] {
  return partsOf(expr, 'VectorSelector', (selector) => selector.getChild('Identifier'));
}

/** Ranges, as written, that need at least two samples. */
export function ratesOf(expr: string): Part[] {
  return partsOf(expr, 'MatrixSelector', (selector) => {
    const around = selector.parent;
    const body = around && /^(Anchored|Smoothed)Expr$/.test(around.name) ? around.parent : around;
    const name = body?.parent?.getChild('FunctionIdentifier');
    const isRate = name && OF_TWO_SAMPLES.has(expr.slice(name.from, name.to));
    return isRate ? selector.getChild('DurationExpr') : null;
  });
}

function partsOf(expr: string, name: string, within: (node: SyntaxNode) => SyntaxNode | null): Part[] {
  const parts: Part[] = [];
  parser.parse(expr).iterate({
    enter: (node) => {
      const part = node.name === name ? within(node.node) : null;
      if (part) parts.push({ text: expr.slice(part.from, part.to), offset: part.from });
    },
  });
  return parts;
}

/** The text of every vector selector, without range, `offset` and `@`. */
export function selectorsOf(expr: string): string[] {
  const selectors: string[] = [];
  parser.parse(expr).iterate({
    enter: ({ name, from, to }) => {
      if (name === 'VectorSelector') selectors.push(expr.slice(from, to));
    },
  });
  return selectors;
}

/** Labels that the result of a valid expression can have; undefined unless an aggregation at its top names them. */
export function labelsOf(expr: string): string[] | undefined {
  const top = parser.parse(expr).topNode.firstChild;
  const operator = top?.getChild('AggregateOp')?.firstChild?.name ?? '';
  if (top?.name !== 'AggregateExpr' || SELECTING.has(operator)) return undefined;
  const modifier = top.getChild('AggregateModifier');
  if (!modifier) return [];
  return modifier.getChild('By') ? labelsIn(modifier, expr) : undefined;
}

/** Longest range of a valid expression, in seconds; 0 without a range. */
export function longestRange(expr: string): number {
  let longest = 0;
  parser.parse(expr).iterate({
    enter: ({ name, node }) => {
      if (RANGES.includes(name)) longest = Math.max(longest, secondsOf(node, expr) ?? 0);
    },
  });
  return longest;
}

/** Seconds of a range selector; undefined if an expression computes them. */
export function secondsOf(range: SyntaxNode, expr: string): number | undefined {
  const node = range.getChild('DurationExpr');
  return node ? rangeSeconds(expr.slice(node.from, node.to)) : undefined;
}

/** Seconds of a range, written as a duration or as a number; undefined if it is neither. */
export function rangeSeconds(text: string): number | undefined {
  try {
    return Number.isFinite(Number(text)) ? Number(text) : parseDuration(text);
  } catch (error) {
    if (errorCode(error) === 'BAD_DURATION') return undefined;
    throw error;
  }
}
