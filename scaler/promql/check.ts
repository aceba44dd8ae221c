import type { SyntaxNode } from '@lezer/common';
import { parser } from '@prometheus-io/lezer-promql';
import { checkArity } from './arity.js';
import { checkSelector, checkString, type PromqlFault } from './check-selector.js';
import { childrenOf, RANGES, secondsOf } from './syntax.js';

type ValueType = 'vector' | 'range' | 'scalar' | 'string';

const NOT_A_VECTOR: Record<Exclude<ValueType, 'vector'>, string> = {
  range: 'a range vector; wrap it in rate() or another function of a range',
  string: 'a string; a signal is an instant vector with one sample per workload',
  scalar: 'a scalar; a signal is an instant vector with one sample per workload',
};

/** Nodes around an expression that do not change its type. */
const WRAPPERS = [
  'ParenExpr',
  'UnaryExpr',
  'OffsetExpr',
  'StepInvariantExpr',
  'AnchoredExpr',
  'SmoothedExpr',
];
const SCALAR_FUNCTIONS = ['Scalar', 'Time', 'Pi'];
const RANGE_FUNCTIONS =
  /OverTime$|^(Rate|Irate|Increase|Delta|Idelta|Deriv|Changes|Resets|PredictLinear|HoltWinters|DoubleExponentialSmoothing)$/;
/** Longest part of an expression that a message quotes, in characters. */
const MAX_QUOTED = 20;

/** Finds the first fault of an expression; undefined if it has none. */
export type CheckPromql = (expr: string) => PromqlFault | undefined;

/**
 * Finds the first fault of an expression that must return an instant vector.
 *
 * @param orScalar accepts a scalar, too
 */
export function checkPromql(expr: string, orScalar = false): PromqlFault | undefined {
  const tree = parser.parse(expr);
  let syntax: number | undefined;
  let fault: PromqlFault | undefined;
  tree.iterate({
    enter: ({ type, node }) => {
      if (type.isError) syntax ??= node.from;
      else fault ??= checkNode(node, expr);
    },
  });
  if (syntax !== undefined) return syntaxFault(expr, syntax);
  const top = tree.topNode.firstChild;
  const type = top ? typeOf(top) : 'vector';
  if (type !== 'vector' && !(orScalar && type === 'scalar'))
    return { offset: 0, message: `the expression returns ${NOT_A_VECTOR[type]}`, isType: true };
  return fault;
}

function checkNode(node: SyntaxNode, expr: string): PromqlFault | undefined {
  if (node.name === 'StringLiteral') return checkString(node, expr);
  if (node.name === 'VectorSelector') return checkSelector(node, expr);
  if (node.name === 'AggregateExpr') return checkArity(node, expr);
  if (node.name === 'FunctionCall') return checkArity(node, expr) ?? checkCall(node, expr);
  return RANGES.includes(node.name) ? checkRange(node, expr) : undefined;
}

function checkRange(node: SyntaxNode, expr: string): PromqlFault | undefined {
  const offset = node.from;
  if (secondsOf(node, expr) === undefined) {
    return { offset, message: 'a range must be a duration, such as [5m] or [1h30m]' };
  }
  const consumer = consumerOf(node);
  if (!consumer || takesRange(consumer)) return undefined;
  return { offset, message: 'a range vector is used where an instant vector is expected; wrap it in rate()' };
}

function checkCall(node: SyntaxNode, expr: string): PromqlFault | undefined {
  const body = node.getChild('FunctionCallBody');
  if (!takesRange(node) || childrenOf(body).some((argument) => typeOf(argument) === 'range'))
    return undefined;
  const called = expr.slice(node.from, body?.from);
  return { offset: node.from, message: `${called}() needs a range vector; add a range such as [5m]` };
}

/** Call or operation that consumes an expression, if any. */
function consumerOf(node: SyntaxNode): SyntaxNode | undefined {
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
  if (name === 'StringLiteral') return 'string';
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
  if (rest === '')
    return { offset, message: 'the PromQL ends too early; check that every parenthesis is closed' };
  const call = /([a-zA-Z_]\w*)\s*$/.exec(expr.slice(0, offset));
  if (rest.startsWith('(') && call) {
    return { offset: call.index, message: `unknown PromQL function "${call[1]!}"` };
  }
  const quoted = rest.length > MAX_QUOTED ? `${rest.slice(0, MAX_QUOTED)}…` : rest;
  return { offset, message: `PromQL syntax error at "${quoted}"` };
}
