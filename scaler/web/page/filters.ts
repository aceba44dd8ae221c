import { html } from 'htm/preact';
import { addressOf } from './address.js';
import { choices, isHarmed, ORDERS, type Selection } from './selection.js';
import type { Workload } from './store.js';
import { harmText } from './words.js';

interface FiltersProps {
  readonly workloads: ReadonlyMap<number, Workload>;
  readonly selection: Selection;
}

type Option = readonly [value: string, label: string];

const ALL: Option = ['', 'all'];

/** Search, filters and order; what is chosen goes into the address. */
export function Filters({ workloads, selection }: FiltersProps) {
  const all = [...workloads.values()];
  const plain = (field: 'namespace' | 'class' | 'rule') => [
    ALL,
    ...choices(all, field).map((it): Option => [it, it]),
  ];
  const orders = Object.entries(ORDERS).map(([value, { label }]): Option => [value, label]);
  const set = (change: Partial<Selection>) => {
    go({ ...selection, ...change });
  };
  const choose = (name: keyof Selection, label: string, options: readonly Option[]) =>
    html`<${Choice}
      label=${label}
      options=${options}
      chosen=${selection[name]}
      onChoose=${(value: string) => {
        set({ [name]: value });
      }}
    />`;
  return html`
    <form
      class="filters"
      role="search"
      aria-label="Workloads"
      onSubmit=${(event: Event) => {
        event.preventDefault();
      }}
    >
      <label class="search">
        <span>Search</span>
        <input
          type="search"
          placeholder="name, rule, reason …"
          value=${selection.q}
          onInput=${(event: Event) => {
            set({ q: (event.target as HTMLInputElement).value });
          }}
        />
      </label>
      ${choose('namespace', 'Namespace', plain('namespace'))} ${choose('class', 'Class', plain('class'))}
      ${choose('harm', 'Harm', harmsOf(all))} ${choose('rule', 'Rule', plain('rule'))}
      ${choose('sort', 'Order', orders)}
    </form>
  `;
}

function harmsOf(workloads: readonly Workload[]): Option[] {
  const causes = [...new Set(workloads.map(({ harm }) => harm).filter(isHarmed))].sort();
  return [
    ALL,
    ['yes', 'harmed'],
    ['signs', 'harmed, or signs of it'],
    ['no', 'none'],
    ...causes.map((it): Option => [it, harmText(it)]),
  ];
}

interface ChoiceProps {
  readonly label: string;
  readonly options: readonly Option[];
  readonly chosen: string;
  readonly onChoose: (value: string) => void;
}

function Choice({ label, options, chosen, onChoose }: ChoiceProps) {
  const onChange = (event: Event) => {
    onChoose((event.target as HTMLSelectElement).value);
  };
  return html`
    <label>
      <span>${label}</span>
      <select aria-label=${label} value=${chosen} onChange=${onChange}>
        ${options.map(([value, text]) => html`<option value=${value} selected=${value === chosen}>${text}</option>`)}
      </select>
    </label>
  `;
}

/** Typing does not fill the history of the browser. */
function go(selection: Selection): void {
  window.history.replaceState(null, '', addressOf(selection));
  window.dispatchEvent(new HashChangeEvent('hashchange'));
}
