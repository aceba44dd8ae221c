import type { SyntaxNode } from '@lezer/common';
import { parser } from '@prometheus-io/lezer-promql';
import { KernscaleError } from '../../common/errors.js';
import { checkPromql } from './check.js';
import { childrenOf } from './syntax.js';

const METRIC = 'm';

/**
 * Checks label matchers, such as `cluster="a"` or `{cluster="a", env!="test"}`, and returns them without braces.
 *
 * @throws KernscaleError `BAD_FLAG`
 */
export function parseMatchers(text: string): string {
  const inner = text.trim().replace(/^\{(.*)\}$/s, '$1');
  const expr = `${METRIC}{${inner}}`;
  const selector = parser.parse(expr).topNode.firstChild;
  const matchers = selector?.name === 'VectorSelector' ? matchersIn(selector, expr) : [];
  const fault = checkPromql(expr);
  if (!fault && matchers.length > 0 && matchers.every(({ label }) => label !== '__name__'))
    return matchers.map((matcher) => matcher.text).join(', ');
  const why = fault ? `: ${fault.message}` : '';
  throw new KernscaleError('BAD_FLAG', `"${text}" is no label matcher; write it like cluster="eu-1"${why}`);
}

/** The expression with further label matchers in each of its selectors. */
export function withMatchers(expr: string, matchers: string): string {
  let written = '';
  let done = 0;
  parser.parse(expr).iterate({
    enter: ({ name, node, to }) => {
      if (name !== 'VectorSelector') return;
      const braces = node.getChild('LabelMatchers');
      const isEmpty = braces === null || matchersIn(node, expr).length === 0;
      const at = braces ? braces.from + 1 : to;
      written += expr.slice(done, at) + (braces ? (isEmpty ? matchers : `${matchers}, `) : `{${matchers}}`);
      done = at;
    },
  });
  return written + expr.slice(done);
}

/** The label matchers of a selector, as written. */
export function matchersIn(selector: SyntaxNode, expr: string): { label: string; text: string }[] {
  return childrenOf(selector.getChild('LabelMatchers')).flatMap((matcher) => {
    const name = matcher.getChild('LabelName') ?? matcher.getChild('QuotedLabelName');
    if (!name) return [];
    const label = expr.slice(name.from, name.to).replace(/^["'`](.*)["'`]$/, '$1');
    return [{ label, text: expr.slice(matcher.from, matcher.to) }];
  });
}
