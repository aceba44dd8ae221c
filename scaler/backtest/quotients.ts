import { parser } from '@prometheus-io/lezer-promql';
import type { RangeSeries } from '../promql/range.js';
import type { Answer } from './fetch.js';

/** An expression of the form `over / under`. */
export interface Quotient {
  readonly over: string;
  readonly under: string;
}

/**
 * Finds the expressions that divide by the same, as the built-in shares of busy time do: over a week, asking for the
 * divisor once in place of once for each of them halves Prometheus' work.
 *
 * Only aggregates are divided here, `under` perhaps within `clamp_min`: they have no metric name, and no two series
 * with the same labels, so that PromQL's one-to-one matching is comparing labels.
 */
export function findQuotients(expressions: Iterable<string>): ReadonlyMap<string, Quotient> {
  const quotients = new Map<string, Quotient>();
  for (const expr of expressions) {
    const quotient = split(expr);
    if (quotient) quotients.set(expr, quotient);
  }
  const uses = new Map<string, number>();
  for (const { under } of quotients.values()) uses.set(under, (uses.get(under) ?? 0) + 1);
  return new Map([...quotients].filter(([, { under }]) => uses.get(under)! > 1));
}

function split(expr: string): Quotient | undefined {
  const top = parser.parse(expr).topNode.firstChild;
  const over = top?.firstChild;
  const operator = over?.nextSibling;
  const under = operator?.nextSibling;
  if (top?.name !== 'BinaryExpr' || operator?.name !== 'Div' || over?.name !== 'AggregateExpr')
    return undefined;
  if (!under || under.nextSibling) return undefined;
  const divisor = expr.slice(under.from, under.to);
  const argument = under.getChild('FunctionCallBody')?.firstChild;
  const clamped = divisor.startsWith('clamp_min(') && argument?.name === 'AggregateExpr';
  if (under.name !== 'AggregateExpr' && !clamped) return undefined;
  return { over: expr.slice(over.from, over.to), under: divisor };
}

/** Divides as PromQL does: where both have a value for the same labels. */
export function divide(over: Answer, under: Answer): Answer {
  if (!('series' in over)) return over;
  if (!('series' in under)) return under;
  const divisors = new Map(under.series.map((series) => [keyOf(series), series]));
  const series = over.series.flatMap((dividend) => {
    const divisor = divisors.get(keyOf(dividend));
    if (!divisor) return [];
    return [
      {
        labels: dividend.labels,
        values: dividend.values.map((value, index) => value / divisor.values[index]!),
        present: dividend.present.map((here, index) => here & divisor.present[index]!),
      },
    ];
  });
  return { series };
}

function keyOf({ labels }: RangeSeries): string {
  return JSON.stringify(Object.entries(labels).sort());
}
