import { dependencies } from './dependencies.js';
import { exporter } from './exporter.js';
import { fleet } from './fleet.js';
import type { Dashboard } from './frame.js';
import { scaler } from './scaler.js';
import { workload } from './workload.js';

export const DASHBOARDS: readonly (() => Dashboard)[] = [fleet, workload, scaler, exporter, dependencies];

/** File name below `grafana/dashboards/` → its content, as Grafana imports it or reads it from a provisioned folder. */
export function dashboardFiles(): Map<string, string> {
  return new Map(
    DASHBOARDS.map((build) => {
      const dashboard = build();
      return [`${dashboard.uid}.json`, `${JSON.stringify(dashboard, null, 2)}\n`];
    }),
  );
}
