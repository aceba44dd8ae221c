import { parser } from '@prometheus-io/lezer-promql';
import type { SyntaxNode } from '@lezer/common';
import { childrenOf, labelsIn } from '../../promql/syntax.js';
import {
  aggregate,
  and,
  clampMin,
  divide,
  labelled,
  or,
  scale,
  unequal,
  type Aggregation,
  type Vector,
} from './vectors.js';

/** Evaluates an expression from the values of its leaves. */
export type Plan = (leaf: (expr: string) => Vector) => Vector;

/** An operation on vectors without metric names, in which no two series have equal labels. */
interface Operation {
  readonly operands: readonly SyntaxNode[];
  readonly apply: (...vectors: Vector[]) => Vector;
  /** A label that it adds. */
  readonly adds?: string;
}

/** Metrics with few series per container; one with a series per peer, for example, is cheaper to sum in Prometheus. */
const FEW_PER_CONTAINER = new RegExp(
  `^kernscale_(${[
    'state_seconds_total|serving_seconds_total|cpu_starved_seconds_total|container_\\w+',
    'tcp_(requests(_abandoned|_dropped)?|retries|outstanding_seconds)_total',
    'tcp_(serve|think)_seconds_(count|sum)',
  ].join('|')})$`,
);
/** Histograms with few series per container; range queries return numbers, so Prometheus reads native ones. */
const FEW_HISTOGRAMS = /^kernscale_tcp_(serve|think)_seconds$/;

const AGGREGATIONS: Readonly<Record<string, Aggregation>> = { Sum: 'sum', Count: 'count', Avg: 'avg' };
/** Aggregations whose results are whole series of their operand, with their metric names. */
const WHOLE_SERIES = new Set(['Topk', 'Bottomk', 'LimitK', 'LimitRatio']);
/** Numbers that PromQL and JavaScript read alike; PromQL takes 010 for 8. */
const DECIMAL = /^-?(0|[1-9]\d*)?(\.\d+)?(e[+-]?\d+)?$/i;
/** Text that means itself as a string, a label and a replacement. */
const WORD = /^"([A-Za-z]\w*)"$/;

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
  const operation = operationOf(node, expr);
  if (operation?.operands.every((operand) => isNameless(operand, expr))) {
    const plans = operation.operands.map((operand) => planNode(operand, expr));
    return (leaf) => operation.apply(...plans.map((plan) => plan(leaf)));
  }
  const joined = isFew(node, expr) ? (aggregation(node, expr) ?? conjunction(node, expr)) : undefined;
  return joined ?? ((leaf) => leaf(text));
}

function operationOf(node: SyntaxNode, expr: string): Operation | undefined {
  if (node.name === 'ParenExpr') return { operands: childrenOf(node), apply: (vector) => vector };
  return binary(node, expr) ?? clamped(node, expr) ?? relabelled(node, expr);
}

function isFew(node: SyntaxNode, expr: string): boolean {
  let few = true;
  node.cursor().iterate(({ name, node: { firstChild, parent } }) => {
    if (name !== 'VectorSelector') return;
    const metric = firstChild?.name === 'Identifier' ? expr.slice(firstChild.from, firstChild.to) : '';
    few &&= FEW_PER_CONTAINER.test(metric) || (FEW_HISTOGRAMS.test(metric) && isRead(parent));
  });
  return few;
}

/** True within `histogram_count()` or `histogram_sum()`, which make numbers of histograms. */
function isRead(node: SyntaxNode | null): boolean {
  return node !== null && (readsHistogram(node) || isRead(node.parent));
}

function readsHistogram(node: SyntaxNode): boolean {
  const name = functionOf(node);
  return name === 'HistogramCount' || name === 'HistogramSum';
}

function functionOf(node: SyntaxNode): string {
  return node.getChild('FunctionIdentifier')?.firstChild?.name ?? '';
}

/** An operation on two vectors, or on a vector and a number; without modifiers, which change what matches. */
function binary(node: SyntaxNode, expr: string): Operation | undefined {
  const [left, operator, right, more] = childrenOf(node);
  if (node.name !== 'BinaryExpr' || !left || !right || more) return undefined;
  switch (operator!.name) {
    case 'Div':
      return { operands: [left, right], apply: divide };
    case 'Or':
      return { operands: [left, right], apply: or };
    case 'Neq': {
      const number = numberOf(right, expr);
      return number === undefined
        ? undefined
        : { operands: [left], apply: (vector) => unequal(vector, number) };
    }
    case 'Mul': {
      const factor = numberOf(left, expr);
      return factor === undefined
        ? undefined
        : { operands: [right], apply: (vector) => scale(vector, factor) };
    }
    default:
      return undefined;
  }
}

function numberOf(node: SyntaxNode, expr: string): number | undefined {
  const text = expr.slice(node.from, node.to);
  return DECIMAL.test(text) || text === 'NaN' ? Number(text) : undefined;
}

function clamped(node: SyntaxNode, expr: string): Operation | undefined {
  if (functionOf(node) !== 'ClampMin') return undefined;
  const [of, bound] = childrenOf(node.getChild('FunctionCallBody'));
  const least = bound && numberOf(bound, expr);
  if (!of || least === undefined || Number.isNaN(least)) return undefined;
  return { operands: [of], apply: (vector) => clampMin(vector, least) };
}

/** `label_replace(V, "label", "value", "", "")`, which adds a label that `V` does not have. */
function relabelled(node: SyntaxNode, expr: string): Operation | undefined {
  if (functionOf(node) !== 'LabelReplace') return undefined;
  const [of, ...rest] = childrenOf(node.getChild('FunctionCallBody'));
  const [label, value, ...source] = rest.map(({ from, to }) => expr.slice(from, to));
  const [name, text] = [WORD.exec(label!)?.[1], WORD.exec(value!)?.[1]];
  if (!of || !name || !text || source.join() !== '"",""') return undefined;
  // Of two series that become equal, Prometheus makes an error.
  if (labelsOf(of, expr)?.includes(name) !== false) return undefined;
  return { operands: [of], apply: (vector) => labelled(vector, name, text), adds: name };
}

/** Labels that the results can have; undefined if they are not known. */
function labelsOf(node: SyntaxNode, expr: string): string[] | undefined {
  const modifier = node.name === 'AggregateExpr' ? node.getChild('AggregateModifier') : null;
  if (modifier?.getChild('By') && isNameless(node, expr)) return plainLabelsIn(modifier, expr);
  const operation = operationOf(node, expr);
  const labels = operation?.operands.map((operand) => labelsOf(operand, expr));
  if (!labels?.every((own) => own !== undefined)) return undefined;
  return [...labels.flat(), ...(operation!.adds === undefined ? [] : [operation!.adds])];
}

/** True if no result has a metric name, which operations would remove. */
function isNameless(node: SyntaxNode, expr: string): boolean {
  if (node.name === 'AggregateExpr') return isNamelessAggregation(node, expr);
  const operation = operationOf(node, expr);
  if (operation) return operation.operands.every((operand) => isNameless(operand, expr));
  if (!isFew(node, expr)) return false;
  const [left, operator] = childrenOf(node);
  if (node.name === 'BinaryExpr' && operator?.name === 'And') return isNameless(left!, expr);
  return functionOf(node) === 'Rate' || readsHistogram(node);
}

/** An aggregation whose results have no metric name, which operators and functions would remove. */
function isNamelessAggregation(node: SyntaxNode, expr: string): boolean {
  if (WHOLE_SERIES.has(operatorOf(node))) return false;
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
