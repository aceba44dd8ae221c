import type { SyntaxNode } from '@lezer/common';
import { parser } from '@prometheus-io/lezer-promql';
import type { PromqlFault } from './check-selector.js';
import { checkPromql } from './check.js';
import { labelsOf } from './syntax.js';

/** Names for which an expression of a rule has a value filled in, in its strings. */
export const VARIABLES = ['namespace', 'workload', 'kind', 'pods'] as const;
export type Variable = (typeof VARIABLES)[number];

/** Values by variable; those of `pods` are alternatives. */
export type Values = Readonly<Partial<Record<Variable, string | readonly string[]>>>;

/** A string of an expression in which variables stand. */
interface Slot {
  readonly from: number;
  readonly to: number;
  /** Between the quotes, its escapes as written. */
  readonly inner: string;
  readonly quote: string;
  /** Offset of each variable in the expression. */
  readonly variables: readonly { readonly name: string; readonly offset: number }[];
  readonly operator: string | undefined;
}

const VARIABLE = /\$([A-Za-z_]\w*)/g;
const REGEX_SYNTAX = /[\\^$.*+?()[\]{}|]/g;

/** Finds the first fault of an expression with variables, which returns a number or one per series. */
export function checkTemplate(expr: string): PromqlFault | undefined {
  const fault = checkPromql(expr, true);
  if (fault) {
    const [, name] = /^\$([A-Za-z_]\w*)/.exec(expr.slice(fault.offset)) ?? [];
    if (name === undefined) return fault;
    return { ...fault, message: `$${name} stands outside of a string; a variable is a value in quotes` };
  }
  for (const { variables, operator = '=' } of slotsOf(expr)) {
    for (const { name, offset } of variables) {
      if (!(VARIABLES as readonly string[]).includes(name)) {
        const known = VARIABLES.map((one) => `$${one}`).join(', ');
        return { offset, message: `unknown variable $${name}; there are ${known}` };
      }
      if (name === 'pods' && !operator.endsWith('~')) {
        return { offset, message: '$pods stands for the names of all pods; match it with =~' };
      }
    }
  }
  return undefined;
}

/** Variables that an expression has. */
export function variablesIn(expr: string): ReadonlySet<string> {
  return new Set(slotsOf(expr).flatMap(({ variables }) => variables.map(({ name }) => name)));
}

/**
 * Fills in values, escaped for the string in which they stand, and for RE2 where that is the value of a regex matcher.
 * Variables without a value stay.
 */
export function filled(expr: string, values: Values): string {
  let written = '';
  let done = 0;
  for (const slot of slotsOf(expr)) {
    const isRegex = slot.operator?.endsWith('~') ?? false;
    const isRaw = slot.quote === '`';
    const quote = isRaw ? '"' : slot.quote;
    // What a raw string has is escaped with it, because it cannot hold every value.
    const inner = isRaw ? escaped(slot.inner, quote) : slot.inner;
    const text = inner.replaceAll(VARIABLE, (variable, name: Variable) => {
      const value = values[name];
      return value === undefined ? variable : escaped(valueText(value, isRegex), quote);
    });
    written += `${expr.slice(done, slot.from)}${quote}${text}${quote}`;
    done = slot.to;
  }
  return written + expr.slice(done);
}

function valueText(value: string | readonly string[], isRegex: boolean): string {
  if (typeof value === 'string') return isRegex ? value.replaceAll(REGEX_SYNTAX, '\\$&') : value;
  return `(${value.map((one) => one.replaceAll(REGEX_SYNTAX, '\\$&')).join('|')})`;
}

function escaped(text: string, quote: string): string {
  return text.replaceAll(/[\\\n"']/g, (char) => {
    if (char === '\n') return '\\n';
    return char === '\\' || char === quote ? `\\${char}` : char;
  });
}

function slotsOf(expr: string): Slot[] {
  const slots: Slot[] = [];
  parser.parse(expr).iterate({
    enter: ({ name, node }) => {
      if (name !== 'StringLiteral') return;
      const { from, to } = node;
      const inner = expr.slice(from + 1, to - 1);
      const variables = [...inner.matchAll(VARIABLE)].map(({ 1: variable = '', index }) => ({
        name: variable,
        offset: from + 1 + index,
      }));
      if (variables.length === 0) return;
      slots.push({ from, to, inner, quote: expr[from]!, variables, operator: operatorOf(node, expr) });
    },
  });
  return slots;
}

function operatorOf(literal: SyntaxNode, expr: string): string | undefined {
  const operator = literal.parent?.getChild('MatchOp');
  return operator ? expr.slice(operator.from, operator.to) : undefined;
}

/** The expression of one workload as a vector with its labels; the label `pod` stays only where it is asked for. */
export function ofWorkload(
  template: string,
  values: { readonly namespace: string; readonly workload: string; readonly kind: string } & Values,
): string {
  const expr = filled(template, values);
  const isScalar = checkPromql(expr) !== undefined && checkPromql(expr, true) === undefined;
  const isByPod = variablesIn(template).has('pods') || labelsOf(template)?.includes('pod');
  const { namespace, workload, kind } = values;
  const labels = { namespace, workload, workload_kind: kind, ...(!isByPod && { pod: '' }) };
  return withLabels(isScalar ? `vector(${expr})` : expr, labels);
}

/** Sets labels of a vector to constants. */
export function withLabels(expr: string, labels: Readonly<Record<string, string>>): string {
  return Object.entries(labels).reduce((inner, [label, value]) => {
    const text = escaped(value.replaceAll('$', '$$$$'), '"');
    return `label_replace(${inner}, "${label}", "${text}", "", "")`;
  }, expr);
}
