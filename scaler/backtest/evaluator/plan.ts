import { parser } from '@prometheus-io/lezer-promql';
import type { SyntaxNode } from '@lezer/common';
import { childrenOf, labelsIn } from '../../promql/syntax.js';
import { aggregate, and, clampMin, divide, type Aggregation, type Vector } from './vectors.js';

/** Evaluates an expression from the values of its leaves. */
export type Plan = (leaf: (expr: string) => Vector) => Vector;

/** Metrics with few series per container; a series per request path, for example, is cheaper to sum in Prometheus. */
const FEW_PER_CONTAINER = /^kernscale_(state_seconds_total|container_\w+)$/;

const AGGREGATIONS: Readonly<Record<string, Aggregation>> = { Sum: 'sum', Count: 'count', Avg: 'avg' };
/** Aggregations whose results are whole series of their operand, with their metric names. */
const WHOLE_SERIES = new Set(['Topk', 'Bottomk', 'LimitK', 'LimitRatio']);
/** Numbers that PromQL and JavaScript read alike; PromQL takes 010 for 8. */
const DECIMAL = /^-?(0|[1-9]\d*)?(\.\d+)?(e[+-]?\d+)?$/i;

/** Plans what to evaluate here and what to leave to Prometheus, as evaluator.ts documents. */
export function planOf(expr: string): Plan {
  const top = parser.parse(expr).topNode.firstChild;
  return (top && planNode(top, expr)) ?? ((leaf) => leaf(expr));
}

/** Expressions that a plan leaves to Prometheus. */
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
  return joined ?? ((leaf) => leaf(text));
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
  const [left, operator, right, more] = childrenOf(node);
  if (node.name !== 'BinaryExpr' || operator?.name !== 'Div' || !right || more) return undefined;
  if (![left!, right].every((side) => isNameless(side, expr) || clampOf(side, expr))) return undefined;
  const [dividend, divisor] = [planNode(left!, expr), planNode(right, expr)];
  return (leaf) => divide(dividend(leaf), divisor(leaf));
}

/** An aggregation whose results have no metric name, which operators and functions would remove. */
function isNameless(node: SyntaxNode, expr: string): boolean {
  if (node.name !== 'AggregateExpr' || WHOLE_SERIES.has(operatorOf(node))) return false;
  const modifier = node.getChild('AggregateModifier');
  return !modifier?.getChild('By') || plainLabelsIn(modifier, expr)?.includes('__name__') === false;
}

function operatorOf(aggregation: SyntaxNode): string {
  return aggregation.getChild('AggregateOp')?.firstChild?.name ?? '';
}

/** The labels of a modifier; undefined if some are quoted. */
function plainLabelsIn(modifier: SyntaxNode, expr: string): string[] | undefined {
  const isQuoted = modifier.getChild('GroupingLabels')?.getChild('QuotedLabelName');
  return isQuoted ? undefined : labelsIn(modifier, expr);
}

function clamped(node: SyntaxNode, expr: string): Plan | undefined {
  const clamp = clampOf(node, expr);
  if (!clamp) return undefined;
  const plan = planNode(clamp.of, expr);
  return (leaf) => clampMin(plan(leaf), clamp.least);
}

/** The arguments of `clamp_min` of an aggregation and a number. */
function clampOf(node: SyntaxNode, expr: string): { of: SyntaxNode; least: number } | undefined {
  if (!node.getChild('FunctionIdentifier')?.getChild('ClampMin')) return undefined;
  const [of, bound] = childrenOf(node.getChild('FunctionCallBody'));
  const number = bound ? expr.slice(bound.from, bound.to) : '';
  return of && isNameless(of, expr) && DECIMAL.test(number) ? { of, least: Number(number) } : undefined;
}

function aggregation(node: SyntaxNode, expr: string): Plan | undefined {
  const operator = AGGREGATIONS[operatorOf(node)];
  const modifier = node.getChild('AggregateModifier');
  const by = modifier?.getChild('By') ? plainLabelsIn(modifier, expr) : undefined;
  const [of, second] = childrenOf(node.getChild('FunctionCallBody'));
  if (!operator || !by || !of || second) return undefined;
  const plan = planNode(of, expr);
  return (leaf) => aggregate(plan(leaf), operator, by);
}

function conjunction(node: SyntaxNode, expr: string): Plan | undefined {
  const [left, operator, ...rest] = childrenOf(node);
  if (node.name !== 'BinaryExpr' || operator?.name !== 'And') return undefined;
  const modifier = node.getChild('MatchingModifierClause');
  if (modifier && !modifier.getChild('Ignoring')) return undefined;
  const ignoring = modifier ? plainLabelsIn(modifier, expr) : [];
  if (!ignoring) return undefined;
  const [kept, needed] = [planNode(left!, expr), planNode(rest.at(-1)!, expr)];
  return (leaf) => and(kept(leaf), needed(leaf), ignoring);
}
