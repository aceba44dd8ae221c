import { html } from 'htm/preact';
import { STATES } from '../row.js';
import { STATE_NAMES } from './words.js';

/** Shares of thread states as one bar, and in words for who does not see it. @param states percent, as in a row */
export function StatesBar({ states }: { readonly states: readonly number[] }) {
  if (states.length === 0) return html`<span class="quiet">not measured</span>`;
  const parts = STATES.map((state, index) => [state, states[index]!] as const).filter(
    ([, share]) => share > 0,
  );
  const text = parts
    .toSorted(([, a], [, b]) => b - a)
    .map(([state, share]) => `${STATE_NAMES[state]} ${share} %`)
    .join(', ');
  return html`
    <span class="bar" role="img" aria-label=${text} title=${text}>
      ${parts.map(([state, share]) => html`<i class=${state} style=${{ flexGrow: share }}></i>`)}
    </span>
  `;
}

export function StatesLegend() {
  return html`
    <p class="legend-title" id="legend-title">
      States: shares of busy thread time. Threads that sleep or wait for work are not in it.
    </p>
    <ul class="legend" aria-labelledby="legend-title">
      ${STATES.map((state) => html`<li><i class=${state}></i>${STATE_NAMES[state]}</li>`)}
    </ul>
  `;
}
