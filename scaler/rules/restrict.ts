import { withMatchers } from '../promql/matchers.js';
import type { WindowPart } from '../promql/windows.js';
import type { RuleGroup, WindowQueries } from './types.js';

/**
 * The group with further label matchers in each selector of the built-in signals, for a store that holds several
 * clusters. Expressions of a rule file stay as they are.
 *
 * @param matchers result of `parseMatchers`; undefined: none
 */
export function restricted(group: RuleGroup, matchers: string | undefined): RuleGroup {
  if (matchers === undefined) return group;
  const one = <Query extends { readonly expr: string; readonly isBuiltIn?: boolean }>(query: Query): Query =>
    query.isBuiltIn === false ? query : { ...query, expr: withMatchers(query.expr, matchers) };
  const each = <Name extends string, Query extends { readonly expr: string }>(
    queries: Readonly<Record<Name, Query>>,
  ) => {
    const entries = Object.entries<Query>(queries).map(([name, query]) => [name, one(query)]);
    return Object.fromEntries(entries) as Record<Name, Query>;
  };
  const windowOf = <Part extends WindowPart>(window: WindowQueries<Part>): WindowQueries<Part> => ({
    ...window,
    parts: each(window.parts),
  });
  const { signals, podSignals, windows } = group;
  return {
    ...group,
    signals: each(signals),
    podSignals: each(podSignals),
    windows: { recent: windowOf(windows.recent), settled: windowOf(windows.settled) },
  };
}
