import { html } from 'htm/preact';
import { useMemo } from 'preact/hooks';
import { addressOf } from './address.js';
import { Filters } from './filters.js';
import { select, type Selection } from './selection.js';
import { StatesLegend } from './states.js';
import type { Store } from './store.js';
import { count } from './words.js';
import { WorkloadTable } from './workload-table.js';

interface OverviewProps {
  readonly store: Store;
  readonly selection: Selection;
  /** The scaler's time. */
  readonly now: number;
}

/** One row per workload. */
export function Overview({ store, selection, now }: OverviewProps) {
  const { workloads } = store;
  const found = useMemo(() => select(workloads.values(), selection), [workloads, addressOf(selection)]);
  if (workloads.size === 0) {
    return html`<p class="empty">No rule has been evaluated yet.</p>`;
  }
  const shown = found.length === workloads.size ? '' : `${found.length.toLocaleString('en')} of `;
  return html`
    <${Filters} workloads=${workloads} selection=${selection} />
    <p class="quiet" role="status">${shown}${count(workloads.size, 'workload')}</p>
    ${
      found.length === 0
        ? html`<p class="empty">No workload fits. <a href="#/">Show all</a></p>`
        : html`<${WorkloadTable} workloads=${found} store=${store} now=${now} />`
    }
    <${StatesLegend} />
  `;
}
