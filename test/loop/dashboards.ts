import { dashboardFiles } from '../../grafana/dashboards.js';

export interface PanelQuery {
  readonly title: string;
  readonly expr: string;
}

interface DashboardJson {
  readonly panels: readonly { title: string; targets?: { expr: string }[] }[];
  readonly annotations: { readonly list: readonly { name: string; expr: string }[] };
}

/** Every query of a dashboard as Grafana sends it, with the given values of its variables. */
export function dashboardQueries(
  dashboard: string,
  variables: Readonly<Record<string, string>>,
  rateInterval: string,
): PanelQuery[] {
  const { panels, annotations } = JSON.parse(dashboard) as DashboardJson;
  const values: Record<string, string> = { ...variables, __rate_interval: rateInterval };
  const fill = (expr: string) => expr.replace(/\$(\w+)/g, (whole, name: string) => values[name] ?? whole);
  return [
    ...panels.flatMap(({ title, targets = [] }) => targets.map(({ expr }) => ({ title, expr }))),
    ...annotations.list.map(({ name, expr }) => ({ title: name, expr })),
  ].map(({ title, expr }) => ({ title, expr: fill(expr) }));
}

/** Queries that are rightly empty on a healthy demo, and why. */
export const MAY_BE_EMPTY: readonly (readonly [query: RegExp, reason: string])[] = [
  [/^sum by \([\w, ]*\) \(rate\(\w+_seconds\{[^}]*\}\[\w+\]\)\)$/, 'Prometheus stores no native histograms'],
  [/kernscale_container_opaque/, 'every thread is seen'],
  [/\(kernscale_rule_yields/, 'no other autoscaler, pause or writer is at work'],
];

const WORKLOADS = ['chain', 'disk', 'cpu', 'lock', 'idle'];
const PAST_SECONDS = 90;

/** Queries of all dashboards that return no number from the demo, for none of its workloads. */
export async function emptyQueries(prometheus: string): Promise<string[]> {
  const empty: string[] = [];
  for (const [file, content] of dashboardFiles()) {
    const perWorkload = WORKLOADS.map((workload) => queriesOf(content, workload));
    for (const [index, { title, expr }] of perWorkload[0]!.entries()) {
      if (MAY_BE_EMPTY.some(([query]) => query.test(expr))) continue;
      const forms = new Set(perWorkload.map((queries) => queries[index]!.expr));
      if (!(await anyHasData(prometheus, forms))) empty.push(`${file}, ${title}: ${expr}`);
    }
  }
  return empty;
}

function queriesOf(dashboard: string, workload: string): PanelQuery[] {
  const variables = { namespace: 'shop', workload, pod: '.+', job: '.+', instance: '.+' };
  return dashboardQueries(dashboard, variables, '20s');
}

async function anyHasData(prometheus: string, queries: Iterable<string>): Promise<boolean> {
  for (const query of queries) if (await hasData(prometheus, query)) return true;
  return false;
}

/** True if the query returns a finite number at any time of the recent past. @throws Error if Prometheus refuses it */
async function hasData(prometheus: string, query: string): Promise<boolean> {
  const end = Date.now() / 1000;
  const range = { start: String(end - PAST_SECONDS), end: String(end), step: '5' };
  const response = await fetch(`${prometheus}/api/v1/query_range`, {
    method: 'POST',
    body: new URLSearchParams({ query, ...range }),
  });
  const { data, error } = (await response.json()) as {
    data?: { result: { values: [number, string][] }[] };
    error?: string;
  };
  if (!data) throw new Error(`${query}: ${error}`);
  return data.result.some(({ values }) => values.some(([, value]) => Number.isFinite(Number(value))));
}
