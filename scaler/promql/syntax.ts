import type { SyntaxNode } from '@lezer/common';

/** In their order; none of no node. */
export function childrenOf(node: SyntaxNode | null): SyntaxNode[] {
  const children: SyntaxNode[] = [];
  for (let child = node?.firstChild; child; child = child.nextSibling) children.push(child);
  return children;
}

/** The labels in the parentheses of `by (…)`, `ignoring (…)` and their like. */
export function labelsIn(modifier: SyntaxNode, expr: string): string[] {
  const labels = modifier.getChild('GroupingLabels')?.getChildren('LabelName') ?? [];
  return labels.map(({ from, to }) => expr.slice(from, to));
}
