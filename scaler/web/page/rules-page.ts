import { html } from 'htm/preact';
import { useAnswer } from './answer.js';
import { addressOf } from './address.js';
import { EVERYTHING, isHarmed } from './selection.js';
import type { Store, Workload } from './store.js';
import { ago, count, MODES, span } from './words.js';

/** What the page reads of `/api/v1/rules`. */
interface Rules {
  readonly errors: readonly string[];
  readonly groups: readonly Group[];
}

interface Group {
  readonly name: string;
  readonly file: string;
  readonly interval: number;
  readonly rules: readonly Rule[];
}

interface Rule {
  readonly scale: string;
  readonly source: { readonly file: string; readonly line: number };
  readonly dryRun: boolean;
  readonly minReplicas: number;
  readonly maxReplicas: number;
}

interface PageProps {
  readonly store: Store;
  readonly now: number;
}

/** The rules in force, by file and group, and what is wrong with the files. */
export function RulesPage({ store, now }: PageProps) {
  const { value, error } = useAnswer<Rules>('api/v1/rules', `${store.status?.rules} ${store.rounds}`);
  if (error) return html`<p class="notice bad">The rules cannot be shown: ${error}</p>`;
  if (!value) return html`<p class="empty">Loading …</p>`;
  const { errors, groups } = value;
  return html`
    ${
      errors.length > 0 &&
      html`
        <section aria-labelledby="errors">
          <h2 id="errors">Errors: the rules below stay in force</h2>
          <ul class="errors">
            ${errors.map((text) => html`<li><code>${text}</code></li>`)}
          </ul>
        </section>
      `
    }
    ${groups.length === 0 && html`<p class="empty">The rule files have no rules: nothing is scaled.</p>`}
    ${groups.map((group) => html`<${GroupTable} group=${group} store=${store} now=${now} />`)}
  `;
}

interface GroupProps extends PageProps {
  readonly group: Group;
}

function GroupTable({ group, store, now }: GroupProps) {
  const { name, file, interval, rules } = group;
  const [, last] = store.status?.groups.find(([known]) => known === name) ?? [];
  const own = [...store.workloads.values()].filter((it) => it.group === name);
  const round = last === undefined ? 'no round yet' : `last round ${ago(now - last)}`;
  return html`
    <section>
      <h2>${name}</h2>
      <p class="quiet"><code>${file}</code> · a round every ${span(interval)}, ${round}</p>
      <div class="scroll" tabindex="0" role="region" aria-label=${`Rules of ${name}`}>
        <table>
          <thead>
            <tr>
              <th scope="col">Rule</th>
              <th scope="col">Position</th>
              <th scope="col">Replicas</th>
              <th scope="col">Workloads</th>
              <th scope="col">State</th>
            </tr>
          </thead>
          <tbody>
            ${rules.map((rule) => html`<${RuleRow} rule=${rule} own=${own.filter((it) => it.rule === rule.scale)} />`)}
          </tbody>
        </table>
      </div>
    </section>
  `;
}

function RuleRow({ rule, own }: { readonly rule: Rule; readonly own: readonly Workload[] }) {
  const { scale, source, minReplicas, maxReplicas } = rule;
  return html`
    <tr>
      <th scope="row"><a href=${addressOf({ ...EVERYTHING, rule: scale })}>${scale}</a></th>
      <td><code>${source.file}:${source.line}</code></td>
      <td>${minReplicas}–${maxReplicas}</td>
      <td>${own.length.toLocaleString('en')}</td>
      <td>${stateOf(rule, own)}</td>
    </tr>
  `;
}

/** Whether a rule acts, and on how many workloads it does not. */
function stateOf({ dryRun }: Rule, own: readonly Workload[]): string {
  const harmed = own.filter(({ harm }) => isHarmed(harm)).length;
  const left = Object.keys(MODES).flatMap((mode) => {
    const number = own.filter((it) => it.mode === mode).length;
    return number === 0 || mode === 'shadow' ? [] : [`${count(number, 'workload')} ${MODES[mode]}`];
  });
  const parts = [dryRun ? MODES['shadow']! : 'active', ...left, ...(harmed > 0 ? [`${harmed} harmed`] : [])];
  return parts.join(', ');
}
