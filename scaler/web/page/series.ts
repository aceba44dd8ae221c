/** What the charts of a workload draw, from the points of its history. */
import { POINT, STATES } from '../row.js';
import { STATE_NAMES } from './words.js';

export type Figure = number | null;

export interface Series {
  readonly label: string;
  /** Name of the CSS variable of its colour. */
  readonly color: string;
  readonly values: readonly Figure[];
  /** What is drawn: a stack has the sum of its layers up to this one. */
  readonly drawn: readonly Figure[];
  readonly isArea?: true;
  readonly isStep?: true;
  readonly isDashed?: true;
}

export interface ChartData {
  readonly title: string;
  readonly unit: string;
  readonly series: readonly Series[];
}

/** Times of the points, of the changes of replicas among them, and the charts. */
export interface History {
  readonly times: readonly number[];
  readonly changes: readonly number[];
  readonly charts: readonly ChartData[];
}

type Field = (typeof POINT)[number];

type Columns = (field: Field) => readonly Figure[];

/** @param points as the API answers them */
export function chartsOf(points: readonly (readonly Figure[])[]): History {
  const column: Columns = (field) => points.map((point) => point[POINT.indexOf(field)] ?? null);
  const times = column('at').map((at) => at ?? 0);
  const states = { title: 'States of busy threads', unit: '%', series: stack(column) };
  const lines = LINES.map(([title, unit, ...series]) => {
    return { title, unit, series: series.map((one) => lineOf(column, one)) };
  });
  const charts = [...lines.slice(0, 1), states, ...lines.slice(1)].map(known);
  return {
    times,
    changes: changesOf(times, column('replicas')),
    charts: charts.filter(({ series }) => series.length > 0),
  };
}

interface Line extends Pick<Series, 'label' | 'color' | 'isStep' | 'isDashed'> {
  readonly field: Field;
  readonly factor?: number;
}

const DASHED = { isDashed: true } as const;
const STEP = { isStep: true } as const;

const LINES: readonly (readonly [title: string, unit: string, ...series: Line[]])[] = [
  [
    'Replicas',
    '',
    { label: 'now', field: 'replicas', color: 'accent', ...STEP },
    { label: 'wanted', field: 'wanted', color: 'disk', ...STEP, ...DASHED },
  ],
  [
    'Demand against capacity',
    '',
    { label: 'demand', field: 'demand', color: 'oncpu' },
    { label: 'target of all replicas', field: 'capacity', color: 'quiet', ...STEP, ...DASHED },
  ],
  [
    'Requests',
    '/s',
    { label: 'arrive', field: 'arrived', color: 'oncpu' },
    { label: 'answered', field: 'answered', color: 'accent', ...DASHED },
  ],
  ['Requests that wait for their answer', '', { label: 'at once', field: 'outstanding', color: 'lock' }],
  [
    'Latency',
    'ms',
    { label: 'a request takes', field: 'latency', color: 'network', factor: 1000 },
    { label: 'usually', field: 'usual', color: 'quiet', factor: 1000, ...DASHED },
  ],
];

function lineOf(column: Columns, { field, factor = 1, ...line }: Line): Series {
  const values = column(field).map((value) => (value === null ? null : value * factor));
  return { ...line, values, drawn: values };
}

/** Layers from the top down, so that each is drawn over the one above it. */
function stack(column: Columns): Series[] {
  const below: Figure[] = column('at').map(() => 0);
  const layers = STATES.map((state): Series => {
    const values = column(state).map((share) => (share === null ? null : share * 100));
    values.forEach((value, index) => {
      const sum = below[index];
      below[index] = value === null || sum === null || sum === undefined ? null : sum + value;
    });
    return { label: STATE_NAMES[state]!, color: state, values, drawn: [...below], isArea: true };
  });
  return layers.filter(({ values }) => values.some((value) => value !== null && value > 0)).reverse();
}

function changesOf(times: readonly number[], replicas: readonly Figure[]): number[] {
  return times.filter((_, index) => index > 0 && replicas[index] !== replicas[index - 1]);
}

function known(chart: ChartData): ChartData {
  const series = chart.series.filter(({ values }) => values.some((value) => value !== null));
  return { ...chart, series };
}
