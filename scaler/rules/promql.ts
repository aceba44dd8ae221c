import type { SyntaxNode } from '@lezer/common';
import { parser } from '@prometheus-io/lezer-promql';
import { parseDuration } from '../../common/duration.js';

export interface PromqlFault {
  /** Character of the expression at which it goes wrong, from 0. */
  readonly offset: number;
  readonly message: string;
}

/** What these expressions give in place of one number per workload. */
const NOT_A_VECTOR: Record<string, string> = {
  MatrixSelector: 'a range of samples; put it into rate() or another function over time',
  SubqueryExpr: 'a range of samples; put it into rate() or another function over time',
  StringLiteral: 'a text',
  NumberDurationLiteral: 'a bare number; a signal is one number per workload',
};

/** Finds the first thing that is wrong with an expression, if anything is. */
export function checkPromql(expr: string): PromqlFault | undefined {
  const tree = parser.parse(expr);
  let offset: number | undefined;
  tree.iterate({
    enter: (node) => {
      if (node.type.isError) offset ??= node.from;
    },
  });
  if (offset !== undefined) return syntaxFault(expr, offset);
  const top = tree.topNode.firstChild?.name ?? '';
  const given = NOT_A_VECTOR[top];
  return given === undefined ? undefined : { offset: 0, message: `the expression gives ${given}` };
}

/** A part of an expression. */
export interface Part {
  readonly text: string;
  /** Character at which it begins, from 0. */
  readonly offset: number;
}

/** The names of the metrics that a valid expression selects by name. */
export function metricsOf(expr: string): Part[] {
  return partsOf(expr, 'VectorSelector', (selector) => selector.getChild('Identifier'));
}

/** Functions that say something only from two samples on. */
const OF_TWO_SAMPLES = new Set(['rate', 'irate', 'increase', 'delta', 'idelta', 'deriv', 'predict_linear']);

/** The ranges of a valid expression that must have two samples, as they are written. */
export function ranges(expr: string): Part[] {
  return partsOf(expr, 'MatrixSelector', (selector) => {
    const call = selector.parent?.parent;
    const name = call?.getChild('FunctionIdentifier');
    const needed = name && OF_TWO_SAMPLES.has(expr.slice(name.from, name.to));
    return needed ? selector.getChild('DurationExpr') : null;
  });
}

/** Aggregations that hand on whole series. */
const SELECTING = new Set(['Topk', 'Bottomk', 'LimitK', 'LimitRatio']);

/**
 * The labels that the answer to a valid expression can have, where an aggregation at its top says so; undefined where
 * they are not known.
 */
export function labelsOf(expr: string): string[] | undefined {
  const top = parser.parse(expr).topNode.firstChild;
  const operator = top?.getChild('AggregateOp')?.firstChild?.name ?? '';
  if (top?.name !== 'AggregateExpr' || SELECTING.has(operator)) return undefined;
  const modifier = top.getChild('AggregateModifier');
  if (!modifier) return [];
  if (!modifier.getChild('By')) return undefined;
  const labels = modifier.getChild('GroupingLabels')?.getChildren('LabelName') ?? [];
  return labels.map(({ from, to }) => expr.slice(from, to));
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

/** The longest range that a valid expression looks back over, in seconds; 0 when it does not. */
export function longestRange(expr: string): number {
  let longest = 0;
  parser.parse(expr).iterate({
    enter: ({ name, node }) => {
      if (name !== 'MatrixSelector' && name !== 'SubqueryExpr') return;
      const range = node.getChild('DurationExpr');
      if (range) longest = Math.max(longest, parseDuration(expr.slice(range.from, range.to)));
    },
  });
  return longest;
}

function syntaxFault(expr: string, offset: number): PromqlFault {
  const rest = expr.slice(offset).trim();
  if (rest === '') return { offset, message: 'the PromQL ends too early: something is missing at its end' };
  const call = /([a-zA-Z_]\w*)\s*$/.exec(expr.slice(0, offset));
  if (rest.startsWith('(') && call) {
    return { offset: call.index, message: `PromQL has no function "${call[1]!}"` };
  }
  const shown = rest.length > 20 ? `${rest.slice(0, 20)}…` : rest;
  const message = `the PromQL cannot be read from character ${offset + 1} on, at "${shown}"`;
  return { offset, message };
}
