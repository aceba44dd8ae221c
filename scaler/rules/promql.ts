import { parser } from '@prometheus-io/lezer-promql';
import { parseDuration } from '../../common/duration.js';

export interface PromqlFault {
  /** Character of the expression at which it goes wrong, from 0. */
  readonly offset: number;
  readonly message: string;
}

/** What these expressions give in place of one number per workload. */
const NOT_A_VECTOR: Record<string, string> = {
  MatrixSelector: 'a range of samples; put it into rate() or another function over time',
  SubqueryExpr: 'a range of samples; put it into rate() or another function over time',
  StringLiteral: 'a text',
  NumberDurationLiteral: 'a bare number; a signal is one number per workload',
};

/** Finds the first thing that is wrong with an expression, if anything is. */
export function checkPromql(expr: string): PromqlFault | undefined {
  const tree = parser.parse(expr);
  let offset: number | undefined;
  tree.iterate({
    enter: (node) => {
      if (node.type.isError) offset ??= node.from;
    },
  });
  if (offset !== undefined) return syntaxFault(expr, offset);
  const top = tree.topNode.firstChild?.name ?? '';
  const given = NOT_A_VECTOR[top];
  return given === undefined ? undefined : { offset: 0, message: `the expression gives ${given}` };
}

/** The longest range that a valid expression looks back over, in seconds; 0 when it does not. */
export function longestRange(expr: string): number {
  let longest = 0;
  parser.parse(expr).iterate({
    enter: ({ name, node }) => {
      if (name !== 'MatrixSelector' && name !== 'SubqueryExpr') return;
      const range = node.getChild('DurationExpr');
      if (range) longest = Math.max(longest, parseDuration(expr.slice(range.from, range.to)));
    },
  });
  return longest;
}

function syntaxFault(expr: string, offset: number): PromqlFault {
  const rest = expr.slice(offset).trim();
  if (rest === '') return { offset, message: 'the PromQL ends too early: something is missing at its end' };
  const call = /([a-zA-Z_]\w*)\s*$/.exec(expr.slice(0, offset));
  if (rest.startsWith('(') && call) {
    return { offset: call.index, message: `PromQL has no function "${call[1]!}"` };
  }
  const shown = rest.length > 20 ? `${rest.slice(0, 20)}…` : rest;
  const message = `the PromQL cannot be read from character ${offset + 1} on, at "${shown}"`;
  return { offset, message };
}
