import { PanelBuilder as TimeseriesBuilder } from '@grafana/grafana-foundation-sdk/timeseries';
import { DataqueryBuilder } from '@grafana/grafana-foundation-sdk/prometheus';
import {
  GraphDrawStyle,
  LegendDisplayMode,
  LegendPlacement,
  SortOrder,
  StackingMode,
  TooltipDisplayMode,
  VisibilityMode,
} from '@grafana/grafana-foundation-sdk/common';
import {
  StackingConfigBuilder,
  VizLegendOptionsBuilder,
  VizTooltipOptionsBuilder,
} from '@grafana/grafana-foundation-sdk/common';
import { FieldColorModeId } from '@grafana/grafana-foundation-sdk/dashboard';

export interface Query {
  /** PromQL; may use the dashboard's variables and `$__rate_interval`. */
  readonly expr: string;
  readonly legend: string;
}

interface PanelText {
  readonly title: string;
  readonly description: string;
  /** Grafana's unit id: `s`, `short`, `reqps`, … */
  readonly unit: string;
}

const WIDTH = 12;
const HEIGHT = 9;

export function lines(text: PanelText, queries: readonly Query[]): TimeseriesBuilder {
  const panel = new TimeseriesBuilder()
    .title(text.title)
    .description(text.description)
    .unit(text.unit)
    .min(0)
    .span(WIDTH)
    .height(HEIGHT)
    .drawStyle(GraphDrawStyle.Line)
    .lineWidth(1)
    .fillOpacity(8)
    .showPoints(VisibilityMode.Never)
    .legend(
      new VizLegendOptionsBuilder()
        .displayMode(LegendDisplayMode.List)
        .placement(LegendPlacement.Bottom)
        .showLegend(true),
    )
    .tooltip(new VizTooltipOptionsBuilder().mode(TooltipDisplayMode.Multi).sort(SortOrder.Descending));
  return queries.reduce(
    (built, { expr, legend }) =>
      built.withTarget(new DataqueryBuilder().expr(expr).legendFormat(legend).range()),
    panel,
  );
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
