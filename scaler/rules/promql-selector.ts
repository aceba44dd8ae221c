import type { SyntaxNode } from '@lezer/common';
import type { PromqlFault } from './promql.js';

/** Escapes that PromQL knows between either quotes; besides, the quote itself may be escaped. */
const ESCAPES = 'abfnrtv\\xuU01234567';
/**
 * What is wrong with a regular expression in RE2 and in JavaScript alike. The two differ in what they know beyond, so no
 * other complaint of JavaScript's counts.
 */
const WRONG_IN_BOTH =
  /(Unterminated group|Unmatched '\)'|Unterminated character class|Nothing to repeat|Range out of order in character class|\\ at end of pattern)$/;

/** Of JavaScript only. */
const LOOK_AROUND = /(^|[^\\])\(\?<?[=!]/;
/** Literal text, and anchors that are repeated: of RE2 only. */
const ONLY_RE2 = /\\Q|[\^$][*+?{]|\\[bB][*+?{]/;

/** What is wrong with a text between quotes, if anything is. */
export function faultOfText({ from, to }: SyntaxNode, expr: string): PromqlFault | undefined {
  const text = expr.slice(from, to);
  if (text.startsWith('`')) return undefined;
  for (const { 0: escape, index } of text.slice(0, -1).matchAll(/\\./gs)) {
    if (ESCAPES.includes(escape[1]!) || escape[1] === text[0]) continue;
    return {
      offset: from + index,
      message: `PromQL has no escape ${escape}; write \\${escape} for a backslash`,
    };
  }
  return undefined;
}

/** What is wrong with a selector's matchers, if anything is: the server would refuse to answer. */
export function faultOfSelector(selector: SyntaxNode, expr: string): PromqlFault | undefined {
  const list = selector.getChild('LabelMatchers');
  const matchers = ['UnquotedLabelMatcher', 'QuotedLabelMatcher'].flatMap(
    (name) => list?.getChildren(name) ?? [],
  );
  const read = matchers.map((matcher) => readMatcher(matcher, expr));
  const broken = read.find(({ pattern }) => pattern === null);
  if (broken) return { offset: broken.offset, message: 'this is no regular expression' };
  const isNamed = selector.getChild('Identifier') ?? list?.getChild('QuotedLabelName');
  if (isNamed || read.some(({ refusesEmpty }) => refusesEmpty)) return undefined;
  return { offset: selector.from, message: 'this selects every series there is; name a metric or a label' };
}

function readMatcher(matcher: SyntaxNode, expr: string) {
  const value = matcher.getChildren('StringLiteral').at(-1);
  const operator = matcher.getChild('MatchOp');
  const text = value ? textOf(expr.slice(value.from, value.to)) : '';
  const sign = operator ? expr.slice(operator.from, operator.to) : '=';
  const pattern = sign.endsWith('~') ? patternOf(text) : undefined;
  const isUnread = sign.endsWith('~') && !pattern;
  const matchesEmpty = pattern ? pattern.test('') : text === '';
  return {
    offset: value?.from ?? matcher.from,
    pattern,
    refusesEmpty: isUnread || matchesEmpty === sign.startsWith('!'),
  };
}

/** Null for what is no regular expression, undefined for what only RE2 can read. */
function patternOf(text: string): RegExp | null | undefined {
  if (LOOK_AROUND.test(text)) return null;
  try {
    return new RegExp(`^(?:${text})$`);
  } catch (error) {
    const isWrong = error instanceof SyntaxError && WRONG_IN_BOTH.test(error.message);
    return isWrong && !ONLY_RE2.test(text) ? null : undefined;
  }
}

function textOf(literal: string): string {
  const inner = literal.slice(1, -1);
  return literal.startsWith('`')
    ? inner
    : inner.replaceAll(/\\(.)/gs, (_, char: string) => (char === 'n' ? '\n' : char));
}
