import { anyOf, frame, row, type Dashboard } from './frame.js';
import { heatmap, lines, stat, table } from './panels.js';
import { rate } from './queries.js';

const SELECTED = 'job=~"$job", instance=~"$instance"';
const INSTANCE = '{{instance}}';

/** What the exporters measure, what they lack, and what they cost. */
export function exporter(): Dashboard {
  const dashboard = frame({
    uid: 'kernscale-exporter',
    title: 'Exporter and probes',
    description: 'What the exporters measure, what they lack, and what they cost',
    scalings: '',
  })
    .withVariable(anyOf('job', 'Job', 'kernscale_exporter_pods'))
    .withVariable(anyOf('instance', 'Instance', 'kernscale_exporter_pods{job=~"$job"}'));
  row(dashboard, 'Now', [exporters(), reduced(), detached(), folded(), programs()]);
  row(dashboard, 'What is measured', [containers(), opaque(), drops(), watches()]);
  row(dashboard, 'Cost of the probes', [probeCpu(), probeRuns(), runTime()]);
  row(dashboard, 'Cost of a scrape', [scrapes(), stages(), samples(), cpu(), memory()]);
  return dashboard.build();
}

function exporters() {
  return stat(
    { title: 'Exporters', description: 'Exporters that Prometheus scrapes, by version.', unit: 'short' },
    {
      expr: `count by (version) (kernscale_build_info{${SELECTED}, program="kernscale-exporter"})`,
      legend: '{{version}}',
    },
  );
}

function reduced() {
  return stat(
    {
      title: 'In reduced mode',
      description: 'Exporters that run no BPF program: they measure CPU time and starvation of pods alone.',
      unit: 'short',
    },
    {
      expr: `sum by (job) (kernscale_exporter_reduced{${SELECTED}} or 0 * kernscale_exporter_pods{${SELECTED}})`,
      legend: '{{job}}',
    },
    1,
  );
}

function detached() {
  return stat(
    {
      title: 'Programs not attached',
      description: 'BPF programs that the kernels refuse; their figures are absent on those nodes.',
      unit: 'short',
    },
    { expr: `sum by (job) (kernscale_probe_attached{${SELECTED}} == bool 0)`, legend: '{{job}}' },
    1,
  );
}

function folded() {
  return stat(
    {
      title: 'Containers not measured individually',
      description: 'Containers for which no slot was free. Raise --containers.max.',
      unit: 'short',
    },
    {
      expr: `sum by (job) (kernscale_exporter_containers{${SELECTED}, state="folded"})`,
      legend: '{{job}}',
    },
    1,
  );
}

function programs() {
  return table(
    {
      title: 'BPF programs',
      description:
        'Share of the exporters on which each BPF program is attached, with the reason where one is known.',
      unit: 'percentunit',
    },
    [
      {
        title: 'Attached',
        expr: `avg by (probe, program, reason) (kernscale_probe_attached{${SELECTED}})`,
        unit: 'percentunit',
      },
    ],
  );
}

function containers() {
  return lines(
    {
      title: 'Containers',
      description: 'Containers by state: exported, unknown to the API, ignored, folded or terminated.',
      unit: 'short',
    },
    [{ expr: `sum by (state) (kernscale_exporter_containers{${SELECTED}})`, legend: '{{state}}' }],
  );
}

function opaque() {
  return lines(
    {
      title: 'Opaque containers',
      description:
        'Containers whose threads cannot be seen, by the reason. Empty where every thread is seen.',
      unit: 'short',
    },
    [
      {
        expr: `count by (namespace, reason) (kernscale_container_opaque{${SELECTED}})`,
        legend: '{{namespace}}, {{reason}}',
      },
    ],
  );
}

function drops() {
  return lines(
    {
      title: 'Dropped observations',
      description:
        'Observations per second that are lost to a bound in the kernel, or counted together, by cause.',
      unit: 'ops',
    },
    [{ expr: `sum by (cause) (${rate('kernscale_probe_drops_total', SELECTED)})`, legend: '{{cause}}' }],
  );
}

function watches() {
  return lines(
    {
      title: 'Restarted watches',
      description:
        'Watches of the Kubernetes API per second that were begun again. More than one a minute is an outage.',
      unit: 'ops',
    },
    [{ expr: rate('kernscale_exporter_watch_restarts_total', SELECTED), legend: INSTANCE }],
    1 / 60,
  );
}

const RUN_SECONDS = rate('kernscale_probe_run_seconds_total', SELECTED);
const RUNS = rate('kernscale_probe_runs_total', SELECTED);

function probeCpu() {
  return lines(
    {
      title: 'CPU of the BPF programs',
      description:
        'Cores that each program uses, on all nodes together, estimated from short bursts of timing.',
      unit: 'short',
    },
    [{ expr: `sum by (program) (${RUN_SECONDS})`, legend: '{{program}}' }],
  );
}

function probeRuns() {
  return lines(
    {
      title: 'Runs of the BPF programs',
      description: 'Runs per second of each program, on all nodes.',
      unit: 'ops',
    },
    [{ expr: `sum by (program) (${RUNS})`, legend: '{{program}}' }],
  );
}

function runTime() {
  return lines(
    { title: 'Time of one run', description: 'Mean time of one run of each BPF program.', unit: 's' },
    [{ expr: `sum by (program) (${RUN_SECONDS}) / sum by (program) (${RUNS})`, legend: '{{program}}' }],
  ).span(24);
}

const EXPORTERS = `and on (job, instance) kernscale_exporter_pods{${SELECTED}}`;

function scrapes() {
  return lines(
    { title: 'Scrape duration', description: 'Duration of a scrape, as Prometheus measures it.', unit: 's' },
    [{ expr: `scrape_duration_seconds{${SELECTED}} ${EXPORTERS}`, legend: INSTANCE }],
  );
}

function stages() {
  return heatmap(
    {
      title: 'Stages of a scrape',
      description: 'Stages of scrapes per second by their duration: reading the kernel, joining, rendering.',
      unit: 's',
    },
    'kernscale_exporter_scrape_stage_seconds',
    SELECTED,
    '',
  );
}

function samples() {
  return lines(
    {
      title: 'Samples per scrape',
      description: 'Samples that Prometheus keeps of a scrape, and those that its relabelling drops.',
      unit: 'short',
    },
    [
      {
        expr: `scrape_samples_post_metric_relabeling{${SELECTED}} ${EXPORTERS}`,
        legend: `${INSTANCE} kept`,
      },
      {
        expr: `(scrape_samples_scraped{${SELECTED}} - scrape_samples_post_metric_relabeling{${SELECTED}}) ${EXPORTERS}`,
        legend: `${INSTANCE} dropped`,
      },
    ],
  );
}

function cpu() {
  return lines(
    { title: 'CPU of the exporters', description: 'Cores that each process uses.', unit: 'short' },
    [{ expr: `${rate('process_cpu_seconds_total', SELECTED)} ${EXPORTERS}`, legend: INSTANCE }],
  );
}

function memory() {
  return lines(
    { title: 'Memory of the exporters', description: 'Resident memory of each process.', unit: 'bytes' },
    [{ expr: `process_resident_memory_bytes{${SELECTED}} ${EXPORTERS}`, legend: INSTANCE }],
  ).span(24);
}
