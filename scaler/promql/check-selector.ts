import type { SyntaxNode } from '@lezer/common';

export interface PromqlFault {
  /** Character of the expression, from 0. */
  readonly offset: number;
  readonly message: string;
  /** True for a type that no signal can have, whatever grammar Prometheus follows. */
  readonly isType?: true;
}

/** Escapes of either kind of quoted string, besides the quote itself. */
const ESCAPES = 'abfnrtv\\xuU01234567';
/** Errors of JavaScript's regular expressions that RE2 reports as well. The syntaxes differ in everything else. */
const WRONG_IN_BOTH =
  /(Unterminated group|Unmatched '\)'|Unterminated character class|Nothing to repeat|Range out of order in character class|\\ at end of pattern)$/;
/** Syntax of JavaScript only: look-around. */
const ONLY_JAVASCRIPT = /(^|[^\\])\(\?<?[=!]/;
/** Syntax of RE2 only: literal text, and repeated anchors. */
const ONLY_RE2 = /\\Q|[\^$][*+?{]|\\[bB][*+?{]/;

/** Finds an unknown escape in a string literal. */
export function checkString({ from, to }: SyntaxNode, expr: string): PromqlFault | undefined {
  const literal = expr.slice(from, to);
  if (literal.startsWith('`')) return undefined;
  for (const { 0: escape, index } of literal.slice(0, -1).matchAll(/\\./gs)) {
    if (ESCAPES.includes(escape[1]!) || escape[1] === literal[0]) continue;
    const message = `unknown escape sequence ${escape}; write \\${escape} for a backslash`;
    return { offset: from + index, message };
  }
  return undefined;
}

/** Finds the matchers of a selector that Prometheus rejects. */
export function checkSelector(selector: SyntaxNode, expr: string): PromqlFault | undefined {
  const list = selector.getChild('LabelMatchers');
  const matchers = ['UnquotedLabelMatcher', 'QuotedLabelMatcher']
    .flatMap((name) => list?.getChildren(name) ?? [])
    .map((matcher) => parseMatcher(matcher, expr));
  const broken = matchers.find(({ pattern }) => pattern === null);
  if (broken)
    return { offset: broken.offset, message: 'invalid regular expression; Prometheus uses RE2 syntax' };
  const isNamed = selector.getChild('Identifier') ?? list?.getChild('QuotedLabelName');
  if (isNamed || matchers.some(({ rejectsEmpty }) => rejectsEmpty)) return undefined;
  const message = 'the selector matches every series; add a metric name or a label that must not be empty';
  return { offset: selector.from, message };
}

function parseMatcher(matcher: SyntaxNode, expr: string) {
  const value = matcher.getChildren('StringLiteral').at(-1);
  const operator = matcher.getChild('MatchOp');
  const text = value ? unquote(expr.slice(value.from, value.to)) : '';
  const sign = operator ? expr.slice(operator.from, operator.to) : '=';
  const pattern = sign.endsWith('~') ? parsePattern(text) : undefined;
  const isUnread = sign.endsWith('~') && !pattern;
  const matchesEmpty = pattern ? pattern.test('') : text === '';
  return {
    offset: value?.from ?? matcher.from,
    pattern,
    rejectsEmpty: isUnread || matchesEmpty === sign.startsWith('!'),
  };
}

/** Returns null for an invalid pattern, undefined for one that only RE2 can parse. */
function parsePattern(text: string): RegExp | null | undefined {
  if (ONLY_JAVASCRIPT.test(text)) return null;
  try {
    return new RegExp(`^(?:${text})$`);
  } catch (error) {
    const isWrong = error instanceof SyntaxError && WRONG_IN_BOTH.test(error.message);
    return isWrong && !ONLY_RE2.test(text) ? null : undefined;
  }
}

function unquote(literal: string): string {
  const inner = literal.slice(1, -1);
  return literal.startsWith('`')
    ? inner
    : inner.replaceAll(/\\(.)/gs, (_, char: string) => (char === 'n' ? '\n' : char));
}
