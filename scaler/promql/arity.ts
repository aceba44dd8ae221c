import type { SyntaxNode } from '@lezer/common';
import type { PromqlFault } from './check-selector.js';
import { childrenOf } from './syntax.js';

/** Least and most arguments of the functions, and of the aggregations with their parameter, that do not take one. */
const OTHER_THAN_ONE: readonly (readonly [names: string, least: number, most: number])[] = [
  ['time pi start end step range', 0, 0],
  ['days_in_month day_of_month day_of_week day_of_year hour minute month year', 0, 1],
  ['round info', 1, 2],
  ['clamp_max clamp_min histogram_quantile predict_linear quantile_over_time', 2, 2],
  ['topk bottomk quantile count_values limitk limit_ratio', 2, 2],
  ['clamp histogram_fraction holt_winters double_exponential_smoothing', 3, 3],
  ['label_replace', 5, 5],
  ['label_join', 3, Infinity],
  ['histogram_quantiles', 3, Infinity],
  ['sort_by_label sort_by_label_desc', 1, Infinity],
];

const ARITY = new Map(
  OTHER_THAN_ONE.flatMap(([names, least, most]) =>
    names.split(' ').map((name) => [name, [least, most] as const] as const),
  ),
);

/** Finds a call or an aggregation with the wrong number of arguments. */
export function checkArity(node: SyntaxNode, expr: string): PromqlFault | undefined {
  const body = node.getChild('FunctionCallBody');
  const named = node.getChild('FunctionIdentifier') ?? node.getChild('AggregateOp');
  if (!body || !named) return undefined;
  const name = expr.slice(named.from, named.to).toLowerCase();
  const given = childrenOf(body).filter((argument) => argument.name !== 'LineComment').length;
  const [least, most] = ARITY.get(name) ?? [1, 1];
  if (given >= least && given <= most) return undefined;
  return { offset: node.from, message: `${name}() takes ${textOf(least, most)}, not ${given}` };
}

function textOf(least: number, most: number): string {
  if (most === Infinity) return `at least ${nounOf(least)}`;
  return least === most ? nounOf(least) : `${least} to ${nounOf(most)}`;
}

function nounOf(count: number): string {
  return `${count} argument${count === 1 ? '' : 's'}`;
}
