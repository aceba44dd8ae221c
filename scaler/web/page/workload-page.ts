import { html } from 'htm/preact';
import { useMemo } from 'preact/hooks';
import { dashboardAddress, pathOf } from './address.js';
import { useAnswer } from './answer.js';
import { Changes } from './changes.js';
import { Chart } from './chart.js';
import { RequestBars, type RequestTimes } from './request-bars.js';
import { isHarmed } from './selection.js';
import { chartsOf, type Figure } from './series.js';
import type { Store, Workload } from './store.js';
import { ago, harmText, MODES, shortName } from './words.js';

/** What the page reads of a decision at `/api/v1/decisions/NAMESPACE/KIND/NAME`. */
interface Decision {
  readonly source?: string;
  /** Absent where no requests are measured. */
  readonly request?: RequestTimes;
  readonly arithmetic: readonly string[];
  readonly details: readonly {
    readonly title: string;
    readonly rows: readonly { readonly name: string; readonly text: string; readonly tone?: string }[];
  }[];
  readonly trace: { readonly wouldChange: string };
}

interface PageProps {
  readonly store: Store;
  readonly workloadKey: string;
  readonly now: number;
}

/** One workload: its last decision step by step, and its last hour. */
export function WorkloadPage({ store, workloadKey, now }: PageProps) {
  const workload = store.find(workloadKey);
  const at = workload && store.decidedAt(workload);
  const path = pathOf(workloadKey);
  const decision = useAnswer<Decision>(`api/v1/decisions/${path}`, at);
  if (!workload) {
    return html`<h2>${shortName(workloadKey)}</h2>
      <p class="empty">No rule has decided on this workload. <a href="#/">All workloads</a></p>`;
  }
  return html`
    <${Head}
      workload=${workload}
      source=${decision.value?.source}
      age=${now - at!}
      grafana=${store.status?.grafana}
    />
    ${decision.error && html`<p class="notice bad">The decision cannot be shown: ${decision.error}</p>`}
    <${LastHour} path=${path} version=${at} />
    ${decision.value && html`<${Steps} decision=${decision.value} />`}
    <h2>Its changes</h2>
    <${Changes} workloadKey=${workloadKey} version=${at} />
  `;
}

interface HeadProps {
  readonly workload: Workload;
  readonly source: string | undefined;
  readonly age: number;
  readonly grafana: string | undefined;
}

function Head({ workload, source, age, grafana }: HeadProps) {
  const { namespace, name, kind, rule, replicas, wanted, min, max, harm, mode, outcome, reason } = workload;
  return html`
    <h2>${namespace}/${name}</h2>
    <p class="quiet">
      ${`${kind} · rule ${rule}`}${source && html`${' at '}<code>${source}</code>`}${
        grafana &&
        html`${' · '}<a href=${dashboardAddress(grafana, namespace, name)}>dashboard in Grafana</a>`
      }
    </p>
    <p class="summary">
      <strong>${wanted === replicas ? replicas : `${replicas} → ${wanted}`}</strong> replicas of ${min}–${max}
      <span class="class">${workload.class}</span>
      ${harm && html`<span class=${isHarmed(harm) ? 'harm harmed' : 'harm'}>${harmText(harm)}</span>`}
      ${mode && html`<span class="class">${MODES[mode] ?? mode}</span>`}
    </p>
    <p>${reason}. <span class="quiet">${outcome && `${outcome} · `}decided ${ago(age)}</span></p>
  `;
}

function LastHour({ path, version }: { readonly path: string; readonly version: unknown }) {
  const { value, error } = useAnswer<{ points: Figure[][] }>(`api/v1/workloads/${path}/history`, version);
  const history = useMemo(() => value && chartsOf(value.points), [value]);
  if (error) return html`<p class="notice bad">The last hour cannot be shown: ${error}</p>`;
  if (!history) return html`<p class="quiet">Loading the last hour …</p>`;
  return html`
    <h2>The last hour</h2>
    <div class="charts">
      ${history.charts.map((chart) => html`<${Chart} key=${chart.title} chart=${chart} history=${history} />`)}
    </div>
    <p class="quiet">Dotted lines: the replicas changed. The scaler keeps these figures since its start.</p>
  `;
}

function Steps({ decision }: { readonly decision: Decision }) {
  const { request, arithmetic, details, trace } = decision;
  return html`
    <h2>The decision, step by step</h2>
    ${
      arithmetic.length > 0 &&
      html`<ol class="arithmetic">
        ${arithmetic.map((line) => html`<li>${line}</li>`)}
      </ol>`
    }
    ${request && html`<${RequestBars} request=${request} />`}
    <h3>What would change it</h3>
    <p>${trace.wouldChange}.</p>
    <div class="details">
      ${details
        .filter(({ rows }) => rows.length > 0)
        .map(
          ({ title, rows }) => html`
            <section>
              <h3>${title}</h3>
              <dl>
                ${rows.map(
                  ({ name, text, tone = '' }) =>
                    html`<div class=${tone}>
                      <dt>${name}</dt>
                      <dd>${text}</dd>
                    </div>`,
                )}
              </dl>
            </section>
          `,
        )}
    </div>
  `;
}
