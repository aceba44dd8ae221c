import type { SyntaxNode } from '@lezer/common';
import { parser } from '@prometheus-io/lezer-promql';
import { errorCode } from '../../common/errors.js';
import { parseDuration } from '../../common/duration.js';
import { childrenOf, labelsIn } from '../promql/syntax.js';
import { faultOfSelector, faultOfText } from './promql-selector.js';

export interface PromqlFault {
  /** Character of the expression at which it goes wrong, from 0. */
  readonly offset: number;
  readonly message: string;
}

type ValueType = 'vector' | 'range' | 'scalar' | 'text';

/** What an expression may give in place of one number per workload. */
const NOT_A_VECTOR: Record<Exclude<ValueType, 'vector'>, string> = {
  range: 'a range of samples; put it into rate() or another function over time',
  text: 'a text',
  scalar: 'a bare number; a signal is one number per workload',
};

const RANGES = ['MatrixSelector', 'SubqueryExpr'];
/** What stands around an expression without changing its type. */
const WRAPPERS = ['ParenExpr', 'UnaryExpr', 'OffsetExpr', 'StepInvariantExpr'];
const SCALAR_FUNCTIONS = ['Scalar', 'Time', 'Pi'];
const RANGE_FUNCTIONS =
  /OverTime$|^(Rate|Irate|Increase|Delta|Idelta|Deriv|Changes|Resets|PredictLinear|HoltWinters|DoubleExponentialSmoothing)$/;

/** Finds the first thing that is wrong with an expression, if anything is. */
export function checkPromql(expr: string): PromqlFault | undefined {
  const tree = parser.parse(expr);
  let syntax: number | undefined;
  let meaning: PromqlFault | undefined;
  tree.iterate({
    enter: ({ type, node }) => {
      if (type.isError) syntax ??= node.from;
      else meaning ??= faultOf(node, expr);
    },
  });
  if (syntax !== undefined) return syntaxFault(expr, syntax);
  const top = tree.topNode.firstChild;
  const given = top ? typeOf(top) : 'vector';
  if (given !== 'vector') return { offset: 0, message: `the expression gives ${NOT_A_VECTOR[given]}` };
  return meaning;
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
  return labelsIn(modifier, expr);
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
      if (RANGES.includes(name)) longest = Math.max(longest, secondsOf(node, expr) ?? 0);
    },
  });
  return longest;
}

/** Seconds of a range, which is written as a duration or as a number; undefined when it is computed. */
export function rangeSeconds(text: string): number | undefined {
  try {
    return Number.isFinite(Number(text)) ? Number(text) : parseDuration(text);
  } catch (error) {
    if (errorCode(error) === 'BAD_DURATION') return undefined;
    throw error;
  }
}

function secondsOf(range: SyntaxNode, expr: string): number | undefined {
  const node = range.getChild('DurationExpr');
  return node ? rangeSeconds(expr.slice(node.from, node.to)) : undefined;
}

function faultOf(node: SyntaxNode, expr: string): PromqlFault | undefined {
  const { name, from } = node;
  if (name === 'StringLiteral') return faultOfText(node, expr);
  if (name === 'VectorSelector') return faultOfSelector(node, expr);
  if (RANGES.includes(name)) {
    if (secondsOf(node, expr) === undefined) {
      return { offset: from, message: 'a range must be a duration, such as [5m] or [1h30m]' };
    }
    const taker = takerOf(node);
    if (taker && !takesRange(taker)) {
      return {
        offset: from,
        message: 'a range of samples stands where one value is needed; put it into rate()',
      };
    }
  }
  if (name === 'FunctionCall' && takesRange(node)) {
    const body = node.getChild('FunctionCallBody');
    if (!childrenOf(body).some((argument) => typeOf(argument) === 'range')) {
      const called = expr.slice(from, body?.from);
      return { offset: from, message: `${called}() needs a range of samples, such as [5m]` };
    }
  }
  return undefined;
}

/** The call or operation that takes an expression, if there is one around it. */
function takerOf(node: SyntaxNode): SyntaxNode | undefined {
  let around = node.parent;
  while (around && (WRAPPERS.includes(around.name) || around.name === 'FunctionCallBody'))
    around = around.parent;
  return around && !around.type.isTop ? around : undefined;
}

function takesRange(call: SyntaxNode): boolean {
  return RANGE_FUNCTIONS.test(call.getChild('FunctionIdentifier')?.firstChild?.name ?? '');
}

function typeOf(node: SyntaxNode): ValueType {
  const { name } = node;
  if (RANGES.includes(name)) return 'range';
  if (name === 'StringLiteral') return 'text';
  if (name === 'NumberDurationLiteral') return 'scalar';
  const parts = childrenOf(node);
  if (WRAPPERS.includes(name)) return typeOf(parts.find(({ name }) => name !== 'UnaryOp') ?? node);
  if (name === 'BinaryExpr') {
    const sides = [parts[0], parts.at(-1)];
    return sides.every((side) => side && typeOf(side) === 'scalar') ? 'scalar' : 'vector';
  }
  const called = node.getChild('FunctionIdentifier')?.firstChild?.name ?? '';
  return SCALAR_FUNCTIONS.includes(called) ? 'scalar' : 'vector';
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
