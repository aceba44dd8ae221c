import { html } from 'htm/preact';

/** As `/api/v1/decisions/NAMESPACE/KIND/NAME` answers it. */
export interface RequestTimes {
  readonly bars: readonly {
    readonly name: string;
    readonly text: string;
    readonly segments: readonly { readonly kind: string; readonly share: number }[];
  }[];
  readonly texts: readonly string[];
}

/** Colours of the parts of a request: those of the states that they are spent in. */
const COLORS: Readonly<Record<string, string>> = {
  cpu: 'oncpu',
  queue: 'runqueue',
  peer: 'network',
  disk: 'disk',
  lock: 'lock',
};

/** The mean time of a request by what it is spent on, now above usual, on one scale. */
export function RequestBars({ request }: { readonly request: RequestTimes }) {
  return html`
    <section class="request">
      <h3>A request</h3>
      ${request.bars.map(
        ({ name, text, segments }) => html`
          <div class="labelled" aria-hidden="true">
            <span>${name}</span>
            <span class="bar">
              ${segments.map(
                ({ kind, share }) =>
                  html`<i class=${COLORS[kind] ?? 'other'} style=${{ width: `${share * 100}%` }}></i>`,
              )}
            </span>
            <span>${text}</span>
          </div>
        `,
      )}
      <p class="quiet">${request.texts.join(' · ')}</p>
    </section>
  `;
}
