import { html } from 'htm/preact';
import { HEIGHT, stepLine, WIDTH } from './sparkline-path.js';

export function Sparkline({ steps, now }: { readonly steps: readonly number[]; readonly now: number }) {
  const values = steps.filter((_, index) => index % 2 === 1);
  const text = `replicas in the last hour: ${values.join(', ')}`;
  return html`
    <svg class="spark" viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label=${text}>
      <title>${text}</title>
      <polyline points=${stepLine(steps, now)} />
    </svg>
  `;
}
