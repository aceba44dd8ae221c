import { html } from 'htm/preact';
import type { Place } from './address.js';
import { notices } from './notices.js';
import type { Store } from './store.js';
import { count } from './words.js';

const PAGES: readonly (readonly [page: Place['page'], address: string, name: string])[] = [
  ['overview', '#/', 'Workloads'],
  ['graph', '#/graph', 'Who waits'],
  ['changes', '#/changes', 'Changes'],
  ['rules', '#/rules', 'Rules'],
];

interface BannerProps {
  readonly store: Store;
  readonly at: number;
  readonly place: Place;
}

/** The head of every page: where one is, and what must be known before believing the page. */
export function Banner({ store, at, place }: BannerProps) {
  const { status, workloads } = store;
  const text = status
    ? [count(workloads.size, 'workload'), count(status.rules, 'rule')].join(' · ')
    : 'Loading…';
  const found = notices(store, at);
  return html`
    <header>
      <h1>Kernscale</h1>
      <nav aria-label="Pages">
        ${PAGES.map(
          ([page, address, name]) =>
            html`<a href=${address} aria-current=${page === place.page ? 'page' : undefined}>${name}</a>`,
        )}
      </nav>
      <p id="status">${text}</p>
      <nav aria-label="Machine-readable views">
        <a href="api/v1/workloads">workloads</a>
        <a href="api/v1/decisions">decisions</a>
        <a href="metrics">metrics</a>
      </nav>
    </header>
    <div id="notices" role="alert">
      ${found.map(({ level, text: notice }) => html`<p key=${notice} class="notice ${level}">${notice}</p>`)}
    </div>
  `;
}
