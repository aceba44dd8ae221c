import { html } from 'htm/preact';
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import { workloadAddress } from './address.js';
import { isHarmed } from './selection.js';
import { Sparkline } from './sparkline.js';
import { StatesBar } from './states.js';
import type { Store, Workload } from './store.js';
import { movedTo, visibleRange } from './window.js';
import { ago, harmText, MODES } from './words.js';

const HEADERS = ['Workload', 'Replicas', 'Where time goes', 'Bound by', 'Last decision'];

interface TableProps {
  readonly workloads: readonly Workload[];
  readonly store: Store;
  readonly now: number;
}

/** Rows of which only those in sight are drawn. The whole table is one tab stop; arrow keys lead through its rows. */
export function WorkloadTable({ workloads, store, now }: TableProps) {
  const body = useRef<HTMLDivElement>(null);
  const { top, height, rowHeight } = useView(body);
  const page = Math.max(1, Math.floor(height / rowHeight) - 1);
  const { active, setActive, onKeyDown } = useActiveRow(body, workloads.length, page);
  const { from, to } = visibleRange(workloads.length, rowHeight, top, height);
  const shown = workloads.slice(from, to).map((workload, index) => ({ workload, index: from + index }));
  // The row with the focus stays, or the focus would be lost when it is out of sight.
  if (active < from || active >= to) shown.push({ workload: workloads[active]!, index: active });
  const rows = shown.map(({ workload, index }) => {
    const age = now - store.decidedAt(workload);
    const place = { index, top: index * rowHeight, isActive: index === active };
    return html`<${Row} key=${workload.id} ...${{ workload, ...place, age, now, setActive }} />`;
  });
  return html`
    <div
      class="table"
      role="table"
      aria-label="Workloads that rules scale"
      aria-rowcount=${workloads.length + 1}
    >
      <div class="row head" role="row" aria-rowindex="1">
        ${HEADERS.map((header) => html`<span role="columnheader">${header}</span>`)}
      </div>
      <div
        ref=${body}
        class="rows"
        role="rowgroup"
        onKeyDown=${onKeyDown}
        style=${{ height: `${workloads.length * rowHeight}px` }}
      >
        ${rows}
      </div>
    </div>
  `;
}

/** The row that the keyboard is on. */
function useActiveRow(body: { readonly current: HTMLElement | null }, count: number, page: number) {
  const [wanted, setActive] = useState(0);
  const isMoved = useRef(false);
  const active = Math.min(wanted, count - 1);
  useEffect(() => {
    if (!isMoved.current) return;
    isMoved.current = false;
    const link = body.current?.querySelector<HTMLElement>(`[data-index="${active}"] a`);
    link?.focus({ preventScroll: true });
    link?.closest('.row')?.scrollIntoView({ block: 'nearest' });
  }, [active]);
  const onKeyDown = (event: KeyboardEvent) => {
    const next = movedTo(event.key, active, count, page);
    if (next === undefined) return;
    event.preventDefault();
    isMoved.current = next !== active;
    setActive(next);
  };
  return { active, setActive, onKeyDown };
}

interface RowProps {
  readonly workload: Workload;
  readonly index: number;
  readonly top: number;
  readonly isActive: boolean;
  readonly age: number;
  readonly now: number;
  readonly setActive: (index: number) => void;
}

function Row({ workload, index, top, isActive, age, now, setActive }: RowProps) {
  const { key, namespace, name, kind, rule, harm, mode, outcome, reason } = workload;
  return html`
    <div
      class="row"
      role="row"
      aria-rowindex=${index + 2}
      data-index=${index}
      style=${{ transform: `translateY(${top}px)` }}
    >
      <span role="rowheader" class="name">
        <a
          href=${workloadAddress(key)}
          tabindex=${isActive ? 0 : -1}
          onFocus=${() => {
            setActive(index);
          }}
          >${namespace}/${name}</a
        >
        <small>${kind} · rule ${rule}</small>
      </span>
      <span role="cell" class="replicas"><${Replicas} workload=${workload} now=${now} /></span>
      <span role="cell" class="time"><${StatesBar} states=${workload.states} /></span>
      <span role="cell" class="bound">
        <span class="class ${workload.class}">${workload.class}</span>
        ${harm && html`<span class=${isHarmed(harm) ? 'harm harmed' : 'harm'}>${harmText(harm)}</span>`}
        ${mode && html`<small>${MODES[mode] ?? mode}</small>`}
      </span>
      <span role="cell" class="decision">
        <span class="reason" title=${reason}>${reason}</span>
        <small>${outcome && `${outcome} · `}${ago(age)}</small>
      </span>
    </div>
  `;
}

function Replicas({ workload, now }: { readonly workload: Workload; readonly now: number }) {
  const { replicas, wanted, min, max, steps } = workload;
  const change = wanted === replicas ? `${replicas}` : `${replicas} → ${wanted}`;
  return html`
    <strong>${change}</strong> <small>of ${min}–${max}</small>
    <${Sparkline} steps=${steps} now=${now} />
  `;
}

/** Where the list is in the window, and how high a row is there. */
function useView(body: { readonly current: HTMLElement | null }) {
  const [view, setView] = useState({ top: 0, height: 800, rowHeight: 64 });
  useLayoutEffect(() => {
    const update = () => {
      const { current } = body;
      if (!current) return;
      const rowHeight = parseFloat(getComputedStyle(current).getPropertyValue('--row-height'));
      setView((before) => {
        const next = { top: -current.getBoundingClientRect().top, height: window.innerHeight, rowHeight };
        const isSame =
          before.height === next.height && before.rowHeight === next.rowHeight && before.top === next.top;
        return isSame ? before : next;
      });
    };
    update();
    window.addEventListener('scroll', update, { passive: true });
    window.addEventListener('resize', update);
    return () => {
      window.removeEventListener('scroll', update);
      window.removeEventListener('resize', update);
    };
  }, []);
  return view;
}
