/* eslint-disable @typescript-eslint/no-deprecated -- the newer schema can be provisioned from files only since Grafana 12 */
import {
  AnnotationQueryBuilder,
  DashboardBuilder,
  DashboardCursorSync,
  DashboardLinkBuilder,
  DashboardLinkType,
  DatasourceVariableBuilder,
  QueryVariableBuilder,
  RowBuilder,
  VariableRefresh,
  VariableSort,
} from '@grafana/grafana-foundation-sdk/dashboard';

export const DATASOURCE = { type: 'prometheus', uid: '$datasource' };
export type Dashboard = ReturnType<DashboardBuilder['build']>;
/** The dashboard that tables link to. */
export const WORKLOAD_UID = 'kernscale-workload';
const TAG = 'kernscale';

export interface Frame {
  /** Stable: links and bookmarks name it. */
  readonly uid: string;
  readonly title: string;
  readonly description: string;
  /** Rules whose changes of replicas are marked in every panel. */
  readonly scalings: string;
}

/** A dashboard without variables and panels: its links, its data source and its annotations. */
export function frame({ uid, title, description, scalings }: Frame): DashboardBuilder {
  return new DashboardBuilder(`Kernscale / ${title}`)
    .uid(uid)
    .description(description)
    .tags([TAG])
    .readonly()
    .timezone('browser')
    .refresh('10s')
    .time({ from: 'now-30m', to: 'now' })
    .tooltip(DashboardCursorSync.Crosshair)
    .link(new DashboardLinkBuilder('Kernscale').type(DashboardLinkType.Dashboards).tags([TAG]).keepTime(true))
    .annotation(
      new AnnotationQueryBuilder()
        .name('Scalings')
        .datasource(DATASOURCE)
        .enable(true)
        .iconColor('blue')
        .expr(`changes(kernscale_rule_desired_replicas{${scalings}}[$__rate_interval]) > 0`)
        .titleFormat('{{namespace}}/{{workload}} is scaled')
        .tagKeys('group,scale'),
    )
    .withVariable(new DatasourceVariableBuilder('datasource').label('Data source').type('prometheus'));
}

/** A variable with any number of values of a label; all by default. */
export function anyOf(label: string, title: string, metric: string): QueryVariableBuilder {
  return oneOf(label, title, metric)
    .multi(true)
    .includeAll(true)
    .allValue('.+')
    .current({ text: 'All', value: '$__all' });
}

/** A variable with one value of a label. */
export function oneOf(label: string, title: string, metric: string): QueryVariableBuilder {
  return new QueryVariableBuilder(label)
    .label(title)
    .datasource(DATASOURCE)
    .query(`label_values(${metric}, ${label})`)
    .refresh(VariableRefresh.OnTimeRangeChanged)
    .sort(VariableSort.AlphabeticalAsc);
}

type Panel = Parameters<DashboardBuilder['withPanel']>[0];

export function row(dashboard: DashboardBuilder, title: string, panels: readonly Panel[]): void {
  dashboard.withRow(new RowBuilder(title));
  for (const panel of panels) dashboard.withPanel(panel);
}
