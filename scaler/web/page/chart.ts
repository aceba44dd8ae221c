import { html } from 'htm/preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import type { ChartData, History, Series } from './series.js';
import { figure, time } from './words.js';

const HEIGHT = 150;

interface ChartProps {
  readonly chart: ChartData;
  readonly history: History;
}

/** Lines over the last hour, with changes of replicas marked; the legend says in words what is under the pointer. */
export function Chart({ chart, history }: ChartProps) {
  const place = useRef<HTMLDivElement>(null);
  const [pointed, setPointed] = useState<number>();
  const isDark = useDark();
  useEffect(() => {
    const { current } = place;
    if (!current) return undefined;
    const plot = draw(current, chart, history, setPointed);
    const resized = new ResizeObserver(() => {
      plot.setSize({ width: current.clientWidth, height: HEIGHT });
    });
    resized.observe(current);
    return () => {
      resized.disconnect();
      plot.destroy();
    };
  }, [history, isDark]);
  const index = Math.min(pointed ?? Infinity, history.times.length - 1);
  return html`
    <figure class="chart">
      <h3>${chart.title}${chart.unit && html` <small>${chart.unit}</small>`}</h3>
      <div ref=${place} aria-hidden="true"></div>
      <figcaption>
        <span class="quiet">${time(history.times[index]!)}</span>
        ${chart.series.map(
          ({ label, color, values }) => html`
            <span class="key"
              ><i style=${{ background: `var(--${color})` }}></i>${label}
              <b>${figure(values[index])}</b></span
            >
          `,
        )}
      </figcaption>
    </figure>
  `;
}

/** A canvas keeps the colours that it was drawn with. */
function useDark(): boolean {
  const [query] = useState(() => matchMedia('(prefers-color-scheme: dark)'));
  const [isDark, setDark] = useState(query.matches);
  useEffect(() => {
    const update = () => {
      setDark(query.matches);
    };
    query.addEventListener('change', update);
    return () => {
      query.removeEventListener('change', update);
    };
  }, []);
  return isDark;
}

function draw(
  place: HTMLElement,
  { series }: ChartData,
  { times, changes }: History,
  onPoint: (index: number | undefined) => void,
): uPlot {
  const style = getComputedStyle(place);
  const color = (name: string) => style.getPropertyValue(`--${name}`);
  const axis = { stroke: color('quiet'), grid: { stroke: color('line'), width: 1 }, ticks: { show: false } };
  const options: uPlot.Options = {
    width: place.clientWidth,
    height: HEIGHT,
    legend: { show: false },
    cursor: { y: false, points: { show: false }, drag: { x: false, y: false } },
    scales: { y: { range: (_, __, max) => [0, max > 0 ? max * 1.05 : 1] } },
    axes: [
      { ...axis, size: 26, values: (_, splits) => splits.map(hourAndMinute) },
      { ...axis, size: 48 },
    ],
    series: [{}, ...series.map((one) => lineOf(one, color(one.color)))],
    hooks: {
      draw: [
        (plot) => {
          mark(plot, changes, color('quiet'));
        },
      ],
      setCursor: [
        ({ cursor }) => {
          onPoint(cursor.idx ?? undefined);
        },
      ],
    },
  };
  return new uPlot(options, [[...times], ...series.map(({ drawn }) => [...drawn])], place);
}

function hourAndMinute(at: number): string {
  return new Date(at * 1000).toLocaleTimeString('en-GB', { hour: '2-digit', minute: '2-digit' });
}

function lineOf({ label, isArea, isStep, isDashed }: Series, color: string): uPlot.Series {
  return {
    label,
    stroke: color,
    width: isArea ? 0 : 1.75,
    points: { show: false },
    ...(isArea && { fill: color }),
    ...(isStep && { paths: uPlot.paths.stepped!({ align: 1 }) }),
    ...(isDashed && { dash: [5, 4] }),
  };
}

/** A line at each change of replicas. */
function mark(plot: uPlot, times: readonly number[], color: string): void {
  const { ctx, bbox } = plot;
  ctx.save();
  ctx.strokeStyle = color;
  ctx.setLineDash([2, 3]);
  ctx.beginPath();
  for (const at of times) {
    const x = plot.valToPos(at, 'x', true);
    ctx.moveTo(x, bbox.top);
    ctx.lineTo(x, bbox.top + bbox.height);
  }
  ctx.stroke();
  ctx.restore();
}
