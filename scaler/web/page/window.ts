/** The part of a long list that is drawn. */

/** Rows drawn above and below those in sight. */
const MARGIN = 6;

/** @param top pixels of the list above the view (negative: the list begins below its top) */
export function visibleRange(
  count: number,
  rowHeight: number,
  top: number,
  viewHeight: number,
): { readonly from: number; readonly to: number } {
  const from = Math.max(0, Math.min(count, Math.floor(top / rowHeight) - MARGIN));
  const to = Math.max(from, Math.min(count, Math.ceil((top + viewHeight) / rowHeight) + MARGIN));
  return { from, to };
}

/** The row that a key leads to from another; undefined for a key that leads nowhere. */
export function movedTo(key: string, from: number, count: number, page: number): number | undefined {
  const steps: Readonly<Record<string, number>> = {
    ArrowDown: from + 1,
    ArrowUp: from - 1,
    PageDown: from + page,
    PageUp: from - page,
    Home: 0,
    End: count - 1,
  };
  const to = steps[key];
  return to === undefined ? undefined : Math.max(0, Math.min(count - 1, to));
}
