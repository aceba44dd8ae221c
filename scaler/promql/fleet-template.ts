import type { SyntaxNode } from '@lezer/common';
import { parser } from '@prometheus-io/lezer-promql';
import { checkPromql } from './check.js';
import { childrenOf, labelsIn } from './syntax.js';
import { filled, variablesIn, withLabels, type Values } from './template.js';

const AGGREGATIONS = new Set(['Sum', 'Max', 'Min', 'Avg', 'Count']);
/** Functions of a range that keep each series' labels. */
const RATES = new Set(['rate', 'irate', 'increase', 'delta', 'idelta', 'deriv']);
const WHOLE = /^(["'`])\$(namespace|workload)\1$/;

/** A matcher whose whole value is a variable. */
interface Bound {
  readonly label: string;
  readonly variable: 'namespace' | 'workload';
  readonly node: SyntaxNode;
}

/**
 * One expression for all workloads of a fleet, from the one of each: `sum(m{queue="$workload"})` is `sum by (queue) (m)` with
 * the label `queue` as the workload's name. Undefined where that is not certain to give the same numbers: unless the
 * expression is one aggregation over one selector or rate, in which the variables are whole values of `=` matchers, and
 * both names are known from it.
 *
 * @param known what is the same for all workloads of the fleet
 */
export function ofFleet(
  template: string,
  known: { readonly kind: string; readonly namespace?: string },
): string | undefined {
  const expr = filled(template, known satisfies Values);
  const left = variablesIn(expr);
  const top = parser.parse(expr).topNode.firstChild;
  if (!top || top.name !== 'AggregateExpr' || !left.has('workload')) return undefined;
  const selector = selectorUnder(top, expr);
  const by = groupingOf(top, expr);
  if (!selector || !by) return undefined;
  const bounds = boundsIn(selector, expr);
  const labels = new Map(bounds.map(({ variable, label }) => [variable, label]));
  // Each variable stands once, and nowhere else than in these matchers.
  if (bounds.length !== labels.size || !isOnlyIn(bounds, expr)) return undefined;
  const workload = labels.get('workload');
  const namespace = known.namespace === undefined ? labels.get('namespace') : undefined;
  if (workload === undefined || workload === 'namespace' || namespace === 'workload') return undefined;
  // A result with this label is by pod.
  if (bounds.some(({ label }) => label === 'pod')) return undefined;
  if (known.namespace === undefined && namespace === undefined) return undefined;
  const grouped = [...new Set([...bounds.map(({ label }) => label), ...by])];
  const operator = top.getChild('AggregateOp')!;
  const body = childrenOf(top.getChild('FunctionCallBody'))[0]!;
  const vector = `${expr.slice(operator.from, operator.to)} by (${grouped.join(', ')}) (${without(bounds, body, expr)})`;
  // Without its matchers a selector may match every series.
  if (checkPromql(vector)) return undefined;
  const moved = renamed(renamed(vector, workload, 'workload'), namespace ?? 'namespace', 'namespace');
  return withLabels(moved, {
    ...(known.namespace !== undefined && { namespace: known.namespace }),
    workload_kind: known.kind,
  });
}

/** The only selector of an aggregation of it, or of a rate of it. */
function selectorUnder(top: SyntaxNode, expr: string): SyntaxNode | undefined {
  const operator = top.getChild('AggregateOp')?.firstChild?.name ?? '';
  const [operand, second] = childrenOf(top.getChild('FunctionCallBody'));
  if (!AGGREGATIONS.has(operator) || !operand || second) return undefined;
  if (operand.name === 'VectorSelector') return operand;
  const called = operand.getChild('FunctionIdentifier');
  const [range, more] = childrenOf(operand.getChild('FunctionCallBody'));
  if (!called || !RATES.has(expr.slice(called.from, called.to)) || more) return undefined;
  return (range?.name === 'MatrixSelector' && range.getChild('VectorSelector')) || undefined;
}

/** Labels of `by (…)`, none without it; undefined for `without` and for quoted labels. */
function groupingOf(top: SyntaxNode, expr: string): string[] | undefined {
  const modifier = top.getChild('AggregateModifier');
  if (!modifier) return [];
  const isQuoted = modifier.getChild('GroupingLabels')?.getChild('QuotedLabelName');
  return modifier.getChild('By') && !isQuoted ? labelsIn(modifier, expr) : undefined;
}

function boundsIn(selector: SyntaxNode, expr: string): Bound[] {
  const matchers = selector.getChild('LabelMatchers')?.getChildren('UnquotedLabelMatcher') ?? [];
  return matchers.flatMap((node) => {
    const textOf = (part: string): string => {
      const child = node.getChild(part);
      return child ? expr.slice(child.from, child.to) : '';
    };
    const [, , variable] = WHOLE.exec(textOf('StringLiteral')) ?? [];
    if (variable === undefined || textOf('MatchOp') !== '=') return [];
    return [{ label: textOf('LabelName'), variable: variable as Bound['variable'], node }];
  });
}

function isOnlyIn(bounds: readonly Bound[], expr: string): boolean {
  const rest = bounds.reduceRight((text, { node }) => text.slice(0, node.from) + text.slice(node.to), expr);
  return !/\$(namespace|workload|kind|pods)\b/.test(rest);
}

/** The text of a node without some of its matchers. */
function without(bounds: readonly Bound[], { from, to }: SyntaxNode, expr: string): string {
  let text = expr.slice(from, to);
  for (const { node } of bounds.toReversed()) {
    const [start, end] = [node.from - from, node.to - from];
    const after = /^\s*,\s*/.exec(text.slice(end))?.[0] ?? '';
    const before = after === '' ? (/,\s*$/.exec(text.slice(0, start))?.[0] ?? '') : '';
    text = text.slice(0, start - before.length) + text.slice(end + after.length);
  }
  return text;
}

function renamed(vector: string, from: string, to: string): string {
  return from === to ? vector : `label_replace(${vector}, "${to}", "$1", "${from}", "(.*)")`;
}
