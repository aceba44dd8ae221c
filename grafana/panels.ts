import {
  BigValueColorMode,
  GraphDrawStyle,
  GraphThresholdsStyleConfigBuilder,
  GraphThresholdsStyleMode,
  LegendDisplayMode,
  LegendPlacement,
  ReduceDataOptionsBuilder,
  ScaleDistribution,
  ScaleDistributionConfigBuilder,
  SortOrder,
  StackingConfigBuilder,
  StackingMode,
  TableFooterOptionsBuilder,
  TooltipDisplayMode,
  VisibilityMode,
  VizLegendOptionsBuilder,
  VizTooltipOptionsBuilder,
} from '@grafana/grafana-foundation-sdk/common';
import {
  FieldColorModeId,
  MappingType,
  ThresholdsConfigBuilder,
  ThresholdsMode,
  type Threshold,
  type ValueMapping,
} from '@grafana/grafana-foundation-sdk/dashboard';
import {
  HeatmapColorMode,
  HeatmapColorOptionsBuilder,
  PanelBuilder as HeatmapBuilder,
  YAxisConfigBuilder,
} from '@grafana/grafana-foundation-sdk/heatmap';
import { DataqueryBuilder, PromQueryFormat } from '@grafana/grafana-foundation-sdk/prometheus';
import { PanelBuilder as StatBuilder } from '@grafana/grafana-foundation-sdk/stat';
import { PanelBuilder as TimelineBuilder } from '@grafana/grafana-foundation-sdk/statetimeline';
import { PanelBuilder as TableBuilder } from '@grafana/grafana-foundation-sdk/table';
import { PanelBuilder as TimeseriesBuilder } from '@grafana/grafana-foundation-sdk/timeseries';
import { DATASOURCE, WORKLOAD_UID } from './frame.js';
import { bucketRates, type State } from './queries.js';

export interface Query {
  /** PromQL; may use the dashboard's variables and `$__rate_interval`. */
  readonly expr: string;
  readonly legend: string;
}

export interface PanelText {
  readonly title: string;
  readonly description: string;
  /** Grafana's unit id: `s`, `short`, `reqps`, … */
  readonly unit: string;
}

export interface Column {
  readonly expr: string;
  /** Heading; undefined: the query is read for its labels alone. */
  readonly title?: string;
  readonly unit?: string;
}

const WIDTH = 12;
const HEIGHT = 9;

/** Lines over time; a limit, if there is one, is drawn in red. */
export function lines(text: PanelText, queries: readonly Query[], limit?: number): TimeseriesBuilder {
  const panel = framed(new TimeseriesBuilder(), text)
    .min(0)
    .drawStyle(GraphDrawStyle.Line)
    .lineWidth(1)
    .fillOpacity(8)
    .showPoints(VisibilityMode.Never)
    .legend(listLegend())
    .tooltip(new VizTooltipOptionsBuilder().mode(TooltipDisplayMode.Multi).sort(SortOrder.Descending));
  if (limit !== undefined) {
    panel
      .thresholds(redFrom(limit))
      .thresholdsStyle(new GraphThresholdsStyleConfigBuilder().mode(GraphThresholdsStyleMode.Line));
  }
  queries.forEach((query, index) => panel.withTarget(overTime(query).refId(refId(index))));
  return panel;
}

/** Stacked series, each in a fixed colour. */
export function stacked(
  text: PanelText,
  query: Query,
  colours: Readonly<Record<string, string>>,
): TimeseriesBuilder {
  const panel = lines(text, [query])
    .stacking(new StackingConfigBuilder().mode(StackingMode.Normal))
    .fillOpacity(70)
    .lineWidth(0);
  return Object.entries(colours).reduce(
    (built, [series, fixedColor]) =>
      built.overrideByName(series, [{ id: 'color', value: { mode: FieldColorModeId.Fixed, fixedColor } }]),
    panel,
  );
}

/** One number per series, red from the limit on. */
export function stat(text: PanelText, query: Query, limit?: number): StatBuilder {
  const panel = framed(new StatBuilder(), text)
    .span(6)
    .height(5)
    .colorMode(BigValueColorMode.Value)
    .reduceOptions(new ReduceDataOptionsBuilder().calcs(['lastNotNull']))
    .thresholds(limit === undefined ? steps([{ value: null, color: 'text' }]) : redFrom(limit));
  return panel.withTarget(now(query.expr).legendFormat(query.legend).refId(refId(0)));
}

/**
 * A heatmap of a histogram: the native one where Prometheus stores it, else the classic one.
 *
 * @param by labels that have one value in this panel: Grafana takes the buckets of two series for those of one
 */
export function heatmap(text: PanelText, metric: string, selector: string, by: string): HeatmapBuilder {
  const { native, classic } = bucketRates(metric, selector, by);
  const query = (expr: string, refId: string) =>
    overTime({ expr, legend: '{{le}}' }).format(PromQueryFormat.Heatmap).refId(refId);
  return framed(new HeatmapBuilder(), text)
    .yAxis(new YAxisConfigBuilder().unit(text.unit))
    .color(
      new HeatmapColorOptionsBuilder()
        .mode(HeatmapColorMode.Scheme)
        .scheme('Oranges')
        .steps(64)
        .exponent(0.5)
        .fill('dark-orange'),
    )
    .scaleDistribution(new ScaleDistributionConfigBuilder().type(ScaleDistribution.Linear))
    .showLegend()
    .withTarget(query(native, 'native'))
    .withTarget(query(`${classic} unless on (${by}) ${native}`, 'classic'));
}

/** One bar per series whose colour shows its state; the query returns the index of the state. */
export function timeline(text: PanelText, query: Query, states: readonly State[]): TimelineBuilder {
  return framed(new TimelineBuilder(), text)
    .mappings([mapping(states)])
    .mergeValues(true)
    .showValue(VisibilityMode.Auto)
    .rowHeight(0.85)
    .legend(listLegend())
    .withTarget(overTime(query).refId(refId(0)));
}

/** Instant queries, joined by their labels; a workload links to its dashboard. */
export function table(text: PanelText, columns: readonly Column[]): TableBuilder {
  const valueOf = (index: number) => (columns.length === 1 ? 'Value' : `Value #${refId(index)}`);
  const named = columns.map(({ title }, index) => [valueOf(index), title] as const);
  const hidden = named.filter(([, title]) => title === undefined).map(([value]) => [value, true] as const);
  const shown = named.filter(([, title]) => title !== undefined);
  const panel = framed(new TableBuilder(), text)
    .span(24)
    .filterable(true)
    .footer(new TableFooterOptionsBuilder().show(false))
    .overrideByName('workload', [{ id: 'links', value: [workloadLink()] }])
    .withTransformation({ id: 'merge', options: {} })
    .withTransformation({
      id: 'organize',
      options: {
        excludeByName: { Time: true, ...Object.fromEntries(hidden) },
        renameByName: Object.fromEntries(shown),
      },
    });
  columns.forEach(({ expr, title, unit }, index) => {
    panel.withTarget(now(expr).refId(refId(index)));
    if (title !== undefined && unit !== undefined) panel.overrideByName(title, [{ id: 'unit', value: unit }]);
  });
  return panel;
}

/** A query at the end of the time range, as a table. */
export function now(expr: string): DataqueryBuilder {
  return new DataqueryBuilder().expr(expr).instant().format(PromQueryFormat.Table);
}

function overTime({ expr, legend }: Query): DataqueryBuilder {
  return new DataqueryBuilder().expr(expr).legendFormat(legend).range();
}

interface Frameable {
  title(title: string): this;
  description(description: string): this;
  unit(unit: string): this;
  span(width: number): this;
  height(height: number): this;
  datasource(datasource: typeof DATASOURCE): this;
}

/** What every panel has. */
export function framed<P extends Frameable>(panel: P, { title, description, unit }: PanelText): P {
  return panel
    .title(title)
    .description(description)
    .unit(unit)
    .span(WIDTH)
    .height(HEIGHT)
    .datasource(DATASOURCE);
}

function listLegend(): VizLegendOptionsBuilder {
  return new VizLegendOptionsBuilder()
    .displayMode(LegendDisplayMode.List)
    .placement(LegendPlacement.Bottom)
    .showLegend(true);
}

function redFrom(value: number): ThresholdsConfigBuilder {
  return steps([
    { value: null, color: 'green' },
    { value, color: 'red' },
  ]);
}

function steps(of: Threshold[]): ThresholdsConfigBuilder {
  return new ThresholdsConfigBuilder().mode(ThresholdsMode.Absolute).steps(of);
}

function mapping(states: readonly State[]): ValueMapping {
  const options = states.map(({ text, color }, index) => [String(index), { text, color, index }] as const);
  return { type: MappingType.ValueToText, options: Object.fromEntries(options) };
}

function refId(index: number): string {
  return String.fromCharCode('A'.charCodeAt(0) + index);
}

function workloadLink(): object {
  const variables = 'var-namespace=${__data.fields.namespace}&var-workload=${__data.fields.workload}';
  const url = `/d/${WORKLOAD_UID}?\${datasource:queryparam}&${variables}&\${__url_time_range}`;
  return { title: 'Dashboard of this workload', url };
}
