import { parser } from '@prometheus-io/lezer-promql';
import type { SyntaxNode } from '@lezer/common';
import { childrenOf, labelsIn } from '../promql/syntax.js';
import { aggregate, and, clampMin, divide, type Aggregation, type Vector } from './vectors.js';

/** Works out an expression from the answers to others. */
export type Plan = (ask: (expr: string) => Vector) => Vector;

/** Metrics of which each container has a few series. */
const FEW_PER_CONTAINER = /^kernscale_(state_seconds_total|container_\w+)$/;

const AGGREGATIONS: Readonly<Record<string, Aggregation>> = { Sum: 'sum', Count: 'count', Avg: 'avg' };

/**
 * Divides the work on an expression between Prometheus and us.
 *
 * Prometheus evaluates a function of one series over a week in a stroke, but joins, sums and quotients anew at every
 * single time, matching all labels each time: that takes it several times as long as to hand over the series, and us a
 * fraction to do over the whole of a series. So it is left to us where it needs a few series of each container; what
 * has series without number, as requests by path, Prometheus adds up. So it does with whatever is not known here.
 */
export function planOf(expr: string): Plan {
  const top = parser.parse(expr).topNode.firstChild;
  return (top && planNode(top, expr)) ?? ((ask) => ask(expr));
}

/** The expressions that a plan asks for. */
export function leavesOf(plan: Plan): ReadonlySet<string> {
  const leaves = new Set<string>();
  plan((expr) => {
    leaves.add(expr);
    return [];
  });
  return leaves;
}

function planNode(node: SyntaxNode, expr: string): Plan {
  const text = expr.slice(node.from, node.to);
  const plan = quotient(node, expr) ?? clamped(node, expr);
  if (plan) return plan;
  const joined = isFew(node, expr) ? (aggregation(node, expr) ?? conjunction(node, expr)) : undefined;
  return joined ?? ((ask) => ask(text));
}

function isFew(node: SyntaxNode, expr: string): boolean {
  let few = true;
  node.cursor().iterate(({ name, node: { firstChild } }) => {
    if (name !== 'VectorSelector') return;
    const metric = firstChild?.name === 'Identifier' ? expr.slice(firstChild.from, firstChild.to) : '';
    few &&= FEW_PER_CONTAINER.test(metric);
  });
  return few;
}

function quotient(node: SyntaxNode, expr: string): Plan | undefined {
  const [over, operator, under, more] = childrenOf(node);
  if (node.name !== 'BinaryExpr' || operator?.name !== 'Div' || !under || more) return undefined;
  if (![over!, under].every((side) => side.name === 'AggregateExpr' || clampOf(side, expr))) return undefined;
  const [dividend, divisor] = [planNode(over!, expr), planNode(under, expr)];
  return (ask) => divide(dividend(ask), divisor(ask));
}

function clamped(node: SyntaxNode, expr: string): Plan | undefined {
  const clamp = clampOf(node, expr);
  if (!clamp) return undefined;
  const plan = planNode(clamp.of, expr);
  return (ask) => clampMin(plan(ask), clamp.least);
}

/** `clamp_min` of an aggregate. */
function clampOf(node: SyntaxNode, expr: string): { of: SyntaxNode; least: number } | undefined {
  if (!node.getChild('FunctionIdentifier')?.getChild('ClampMin')) return undefined;
  const [of, bound] = childrenOf(node.getChild('FunctionCallBody'));
  const least = bound ? Number(expr.slice(bound.from, bound.to)) : NaN;
  return of?.name === 'AggregateExpr' && Number.isFinite(least) ? { of, least } : undefined;
}

function aggregation(node: SyntaxNode, expr: string): Plan | undefined {
  const operator = AGGREGATIONS[node.getChild('AggregateOp')?.firstChild?.name ?? ''];
  const modifier = node.getChild('AggregateModifier');
  const [of, second] = childrenOf(node.getChild('FunctionCallBody'));
  if (!operator || !modifier?.getChild('By') || !of || second) return undefined;
  const by = labelsIn(modifier, expr);
  const plan = planNode(of, expr);
  return (ask) => aggregate(plan(ask), operator, by);
}

function conjunction(node: SyntaxNode, expr: string): Plan | undefined {
  const [left, operator, ...rest] = childrenOf(node);
  if (node.name !== 'BinaryExpr' || operator?.name !== 'And') return undefined;
  const modifier = node.getChild('MatchingModifierClause');
  if (modifier && !modifier.getChild('Ignoring')) return undefined;
  const ignoring = modifier ? labelsIn(modifier, expr) : [];
  const [kept, needed] = [planNode(left!, expr), planNode(rest.at(-1)!, expr)];
  return (ask) => and(kept(ask), needed(ask), ignoring);
}
