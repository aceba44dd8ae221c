/**
 * Names of the metrics that Kernscale exports and records, to find misspelt ones in rules. A test compares them with
 * what the exporter and the scaler register and what `rules/prometheus/` records.
 */

const VALUES = [
  'kernscale_blockio_failures_total',
  'kernscale_build_info',
  'kernscale_config_last_reload_success_timestamp_seconds',
  'kernscale_config_last_reload_successful',
  'kernscale_container_cpu_limit_cores',
  'kernscale_container_cpu_request_cores',
  'kernscale_container_info',
  'kernscale_cpu_samples_total',
  'kernscale_endpoint_info',
  'kernscale_exporter_containers',
  'kernscale_exporter_pods',
  'kernscale_exporter_watch_restarts_total',
  'kernscale_leader',
  'kernscale_probe_attached',
  'kernscale_probe_blockio_attribution',
  'kernscale_probe_drops_total',
  'kernscale_probe_run_seconds_total',
  'kernscale_probe_runs_total',
  'kernscale_promql_queries_total',
  'kernscale_rule_class',
  'kernscale_rule_current_replicas',
  'kernscale_rule_desired_replicas',
  'kernscale_rule_evaluations_total',
  'kernscale_rule_group_missed_rounds_total',
  'kernscale_rule_holds_total',
  'kernscale_rule_last_success_timestamp_seconds',
  'kernscale_rule_max_replicas',
  'kernscale_rule_min_replicas',
  'kernscale_rule_recommended_replicas',
  'kernscale_scale_total',
  'kernscale_state_seconds_total',
  'kernscale_tcp_connections_total',
  'kernscale_tcp_failures_total',
  'kernscale_tcp_retransmits_total',
  'kernscale_tcp_serve_overlapped_total',
  'kernscale_tcp_wait_overlapped_total',
  'kernscale_watch_restarts_total',
];

const HISTOGRAMS = [
  'kernscale_blockio_bytes',
  'kernscale_blockio_seconds',
  'kernscale_exporter_scrape_stage_seconds',
  'kernscale_offcpu_seconds',
  'kernscale_oncpu_seconds',
  'kernscale_promql_query_duration_seconds',
  'kernscale_rule_group_duration_seconds',
  'kernscale_runqueue_seconds',
  'kernscale_tcp_serve_seconds',
  'kernscale_tcp_wait_seconds',
];

export const RECORDED = [
  'workload:kernscale_busy_share:ratio_rate1m',
  'workload:kernscale_cpu_demand_cores:rate1m',
  'workload_peer:kernscale_tcp_wait_seconds:rate1m',
  'workload_state:kernscale_state_seconds:rate1m',
];

/** Names of the exported series; a native histogram has no suffix. */
export const EXPORTED = [
  ...VALUES,
  ...HISTOGRAMS.flatMap((name) => [name, `${name}_bucket`, `${name}_sum`, `${name}_count`]),
];
