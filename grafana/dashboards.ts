import { workloadsDashboard } from './workloads.js';

/** File name below `grafana/dashboards/` → its content, as Grafana's file provisioning reads it. */
export function dashboardFiles(): Map<string, string> {
  return new Map([['kernscale-workloads.json', `${JSON.stringify(workloadsDashboard(), null, 2)}\n`]]);
}
