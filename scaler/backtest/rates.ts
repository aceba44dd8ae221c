import { parser } from '@prometheus-io/lezer-promql';
import type { Vector } from './vectors.js';

/** `label="value"`, `label=~"one|other"`, or either of them negated. */
interface Matcher {
  readonly label: string;
  readonly negated: boolean;
  readonly values: readonly string[];
}

/** The rates of what a selector of plain words selects. */
interface Rate {
  /** The expression without its matchers. */
  readonly form: string;
  readonly matchers: readonly Matcher[];
}

/** What a regular expression may consist of so that it is a list of words. */
const WORDS = /^[\w-]+(\|[\w-]+)*$/;

/**
 * Finds the expressions whose answer is a part of the answer to another, as the rate of one state is of those of all:
 * for each expression one that need be asked for, and what to take of its answer.
 */
export function shareRates(
  exprs: Iterable<string>,
): ReadonlyMap<string, { readonly asked: string; readonly part: (answer: Vector) => Vector }> {
  const rates = [...exprs].map((expr) => ({ expr, rate: parseRate(expr) }));
  return new Map(
    rates.map(({ expr, rate }) => {
      let widest = { expr, rate };
      for (const other of rates) if (isWithin(widest.rate, other.rate)) widest = other;
      const all = widest.expr === expr || !rate;
      return [expr, { asked: widest.expr, part: (answer) => (all ? answer : select(answer, rate.matchers)) }];
    }),
  );
}

function select(answer: Vector, matchers: readonly Matcher[]): Vector {
  return answer.filter(({ labels }) =>
    matchers.every((matcher) => accepts(matcher, labels[matcher.label] ?? '')),
  );
}

/** Whether all that one selects, and not the same, is selected by the other too. */
function isWithin(narrow: Rate | undefined, wide: Rate | undefined): boolean {
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
  const braces = range?.getChild('VectorSelector')?.getChild('LabelMatchers');
  if (!braces || !call?.getChild('FunctionIdentifier')?.getChild('Rate')) return undefined;
  const texts = expr.slice(braces.from + 1, braces.to - 1).split(',');
  const matchers = texts.map(parseMatcher);
  if (!matchers.every((matcher) => matcher !== undefined)) return undefined;
  return { form: expr.slice(0, braces.from) + expr.slice(braces.to), matchers };
}

/** A comma within a value makes it no word. */
function parseMatcher(text: string): Matcher | undefined {
  const [, label, operator, value] = /^\s*(\w+)\s*(=~|!~|!=|=)\s*"(.*)"\s*$/.exec(text) ?? [];
  if (label === undefined || !operator || value === undefined || !WORDS.test(value)) return undefined;
  const values = operator.endsWith('~') ? value.split('|') : [value];
  return { label, negated: operator.startsWith('!'), values };
}
