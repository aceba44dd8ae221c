import { styleText } from 'node:util';
import { detailsOf, replicasText } from './core/details.js';
import type { Row } from './core/details-requests.js';
import type { Trace } from './core/decision.js';

export type Paint = (format: Parameters<typeof styleText>[0], text: string) => string;

/** Colours for a terminal that shows them (`NO_COLOR` is respected); none for a file or a pipe. */
export function painter(stream: NodeJS.WriteStream): Paint {
  return stream.isTTY && stream.hasColors() ? styleText : (_format, text) => text;
}

const TONES = { good: 'green', bad: 'yellow' } as const;

/** A decision: its reason, the details, and the change that would lead to another decision. */
export function paintDecision(
  decision: { class: string; replicas: number; reason: string; trace: Trace },
  paint: Paint,
): string[] {
  const { replicas, reason, trace } = decision;
  return [
    paint('bold', `${replicasText(trace.currentReplicas, replicas)}: ${reason}`),
    ...detailsOf(decision).flatMap(({ title, rows }) => [paint('cyan', title), ...table(rows, paint)]),
    trace.wouldChange,
  ];
}

function table(rows: readonly Row[], paint: Paint): string[] {
  const width = Math.max(0, ...rows.map(({ name }) => name.length));
  return rows.map(
    ({ name, text, tone }) => `  ${name.padEnd(width)}  ${tone ? paint(TONES[tone], text) : text}`,
  );
}

const DEFAULT_COLUMNS = 80;
/** Columns for the scale beside a plot. */
const SCALE_COLUMNS = 8;

/** Width of a plot on a terminal, or on one of 80 columns for a file or a pipe. */
export function plotColumns({ isTTY, columns }: NodeJS.WriteStream): number {
  return ((isTTY && columns) || DEFAULT_COLUMNS) - SCALE_COLUMNS;
}

const BAR_COLUMNS = 30;

interface Progress {
  /** @param done 0..1 */
  readonly show: (done: number) => void;
  readonly end: () => void;
}

/** A progress bar on a terminal; nothing on a file or a pipe. */
export function progressBar(stream: NodeJS.WriteStream, title: string): Progress {
  if (!stream.isTTY) return { show: () => undefined, end: () => undefined };
  const draw = (done: number): void => {
    const full = Math.round(done * BAR_COLUMNS);
    const bar = '█'.repeat(full) + '·'.repeat(BAR_COLUMNS - full);
    stream.write(`\r${title} ${bar} ${Math.round(done * 100)} %`);
  };
  draw(0);
  return {
    show: draw,
    end: () => {
      stream.write('\r\x1b[K');
    },
  };
}
