import type { Store } from './store.js';
import { count, time } from './words.js';

/** The scaler says something every 5 s. */
const SILENT_SECONDS = 12;
const LATE_SECONDS = 60;
const LATE_INTERVALS = 3;

export interface Notice {
  readonly level: 'bad' | 'info';
  readonly text: string;
}

/**
 * What a reader must know before believing the page: each once, with what it means.
 *
 * @param at as of `Store.apply`
 */
export function notices(store: Store, at: number): Notice[] {
  const { status } = store;
  if (!status) return [];
  const silence = store.silence(at);
  const found: Notice[] = [];
  if (silence > SILENT_SECONDS) {
    const text = `The scaler does not respond since ${time(store.now(at) - silence)}. This page shows the last known state, not what happens now.`;
    found.push({ level: 'bad', text });
  }
  const late = status.groups.filter(([, last, interval]) => {
    return store.now(at) - last > Math.max(LATE_SECONDS, LATE_INTERVALS * interval);
  });
  if (late.length > 0) {
    const oldest = time(Math.min(...late.map(([, last]) => last)));
    const names = late.slice(0, 3).map(([name]) => `"${name}"`);
    const more = late.length > 3 ? ` and ${late.length - 3} more` : '';
    const text = `No round of ${names.join(', ')}${more} has decided anything since ${oldest}: replicas stay as they are.`;
    found.push({ level: 'bad', text });
  }
  found.push(...status.problems.map((text): Notice => ({ level: 'bad', text })));
  if (!status.leader) {
    const text = 'Another scaler is the leader and changes replicas; this one shows what it would do.';
    found.push({ level: 'info', text });
  }
  const shadows = [...store.workloads.values()].filter(({ mode }) => mode === 'shadow').length;
  if (status.dryRun) {
    found.push({ level: 'info', text: 'Dry run (--dry-run): this scaler decides and changes no replicas.' });
  } else if (shadows > 0) {
    const text = `Shadow: ${count(shadows, 'workload')} of shadow rules ${shadows === 1 ? 'is' : 'are'} decided on, and not changed.`;
    found.push({ level: 'info', text });
  }
  return found;
}
