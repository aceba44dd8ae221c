import { html } from 'htm/preact';
import { render } from 'preact';
import { useEffect, useReducer, useState } from 'preact/hooks';
import './style.css';
import { parseAddress, type Place } from './address.js';
import { Banner } from './banner.js';
import { Changes } from './changes.js';
import { follow } from './connection.js';
import { GraphPage } from './graph-page.js';
import { Overview } from './overview.js';
import { RulesPage } from './rules-page.js';
import { Store } from './store.js';
import { WorkloadPage } from './workload-page.js';

const store = new Store();

/** Seconds by a clock that is never set. */
function ticks(): number {
  return performance.now() / 1000;
}

function App() {
  const [, redraw] = useReducer<number, undefined>((version) => version + 1, 0);
  const [place, setPlace] = useState<Place>(() => parseAddress(location.hash));
  useEffect(() => {
    let isDue = false;
    const draw = () => {
      if (isDue) return;
      isDue = true;
      requestAnimationFrame(() => {
        isDue = false;
        redraw(undefined);
      });
    };
    follow((update) => {
      store.apply(update, ticks());
      draw();
    });
    // Ages count on while the scaler says nothing.
    setInterval(draw, 1000);
    window.addEventListener('hashchange', () => {
      setPlace(parseAddress(location.hash));
    });
  }, []);
  const at = ticks();
  return html`
    <${Banner} store=${store} at=${at} place=${place} />
    <main id="main">${store.status ? pageOf(place, at) : html`<p class="empty">Loading…</p>`}</main>
  `;
}

function pageOf(place: Place, at: number) {
  const now = store.now(at);
  if (place.page === 'workload') {
    return html`<${WorkloadPage} key=${place.key} store=${store} workloadKey=${place.key} now=${now} />`;
  }
  if (place.page === 'graph') return html`<${GraphPage} store=${store} />`;
  if (place.page === 'changes') return html`<${Changes} version=${store.rounds} />`;
  if (place.page === 'rules') return html`<${RulesPage} store=${store} now=${now} />`;
  return html`<${Overview} store=${store} selection=${place.selection} now=${now} />`;
}

render(html`<${App} />`, document.getElementById('app')!);
