/** PromQL of the actual replicas of each workload: its pods, as the exporters see them. */
export const ACTUAL_REPLICAS =
  'count by (namespace, workload, workload_kind) (count by (namespace, workload, workload_kind, pod) (kernscale_container_info))';
