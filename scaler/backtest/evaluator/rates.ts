import { own } from '../../../common/own.js';
import { parser } from '@prometheus-io/lezer-promql';
import type { Vector } from './vectors.js';

/** `label="value"`, `label=~"one|other"`, or the negation of either. */
interface Matcher {
  readonly label: string;
  readonly negated: boolean;
  readonly values: readonly string[];
}

/** `rate()` of a metric whose matchers list plain words. */
interface Rate {
  /** The expression without its matchers. */
  readonly form: string;
  readonly matchers: readonly Matcher[];
}

interface Cover {
  /** Expression to fetch. */
  readonly source: string;
  /** Selects the series of the covered expression from those of `source`. */
  readonly select: (series: Vector) => Vector;
}

/** A regular expression that is a list of words. */
const WORDS = /^[\w-]+(\|[\w-]+)*$/;

/**
 * Finds for each expression the widest of them whose result contains its own, as the rates of all states contain the
 * rate of one.
 */
export function coverRates(exprs: Iterable<string>): ReadonlyMap<string, Cover> {
  const rates = [...exprs].map((expr) => ({ expr, rate: parseRate(expr) }));
  return new Map(
    rates.map(({ expr, rate }) => {
      let widest = { expr, rate };
      for (const other of rates) if (isNarrower(widest.rate, other.rate)) widest = other;
      const all = widest.expr === expr || !rate;
      return [expr, { source: widest.expr, select: (series) => (all ? series : filter(series, rate)) }];
    }),
  );
}

function filter(series: Vector, { matchers }: Rate): Vector {
  return series.filter(({ labels }) =>
    matchers.every((matcher) => accepts(matcher, own(labels, matcher.label) ?? '')),
  );
}

function isNarrower(narrow: Rate | undefined, wide: Rate | undefined): boolean {
  return covers(wide, narrow) && !covers(narrow, wide);
}

function covers(wide: Rate | undefined, narrow: Rate | undefined): boolean {
  if (!wide || wide.form !== narrow?.form) return false;
  return wide.matchers.every((matcher) =>
    narrow.matchers.some((own) => own.label === matcher.label && implies(own, matcher)),
  );
}

function implies(own: Matcher, other: Matcher): boolean {
  if (!own.negated) return own.values.every((value) => accepts(other, value));
  return other.negated && other.values.every((value) => own.values.includes(value));
}

function accepts({ negated, values }: Matcher, value: string): boolean {
  return values.includes(value) !== negated;
}

function parseRate(expr: string): Rate | undefined {
  const call = parser.parse(expr).topNode.firstChild;
  const range = call?.getChild('FunctionCallBody')?.getChild('MatrixSelector');
  const selector = range?.getChild('VectorSelector');
  const braces = selector?.getChild('LabelMatchers');
  // Without the name of a metric, a matcher may be of `__name__`, which rate() removes.
  if (!braces || !selector?.getChild('Identifier') || !call?.getChild('FunctionIdentifier')?.getChild('Rate'))
    return undefined;
  const texts = expr.slice(braces.from + 1, braces.to - 1).split(',');
  const matchers = texts.map(parseMatcher);
  if (!matchers.every((matcher) => matcher !== undefined)) return undefined;
  return { form: expr.slice(0, braces.from) + expr.slice(braces.to), matchers };
}

/** Undefined unless the values are words; a comma within a value splits it into texts that are no matchers. */
function parseMatcher(text: string): Matcher | undefined {
  const [, label, operator, value] = /^\s*(\w+)\s*(=~|!~|!=|=)\s*"(.*)"\s*$/.exec(text) ?? [];
  if (label === undefined || !operator || value === undefined || !WORDS.test(value)) return undefined;
  const values = operator.endsWith('~') ? value.split('|') : [value];
  return { label, negated: operator.startsWith('!'), values };
}
