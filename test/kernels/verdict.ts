import type { Result } from './matrix.js';

/** Whether the kernel ran everything to its end, and every truth held or is absent by name. */
export function holds(result: Result): boolean {
  return result.error === '' && result.truths.length > 0 && result.truths.every(({ ok }) => ok);
}
