export interface PanelQuery {
  readonly title: string;
  readonly expr: string;
}

interface Panel {
  title?: string;
  targets?: { expr: string }[];
  panels?: Panel[];
}

/** Every query of a dashboard as Grafana sends it, with the given values of its variables. */
export function dashboardQueries(
  dashboard: string,
  variables: Readonly<Record<string, string>>,
  rateInterval: string,
): PanelQuery[] {
  const { panels } = JSON.parse(dashboard) as { panels: Panel[] };
  const values: Record<string, string> = { ...variables, __rate_interval: rateInterval };
  const fill = (expr: string) => expr.replace(/\$(\w+)/g, (whole, name: string) => values[name] ?? whole);
  return panels
    .flatMap((panel) => [panel, ...(panel.panels ?? [])])
    .flatMap(({ title = '', targets = [] }) => targets.map(({ expr }) => ({ title, expr: fill(expr) })));
}
