/** One line of the report, in the shape that every benchmark of this project prints. */
interface Row {
  readonly what: string;
  /** Null if it cannot be measured on this machine. */
  readonly ours: number | null;
  readonly peer: number | null;
  /** Name of the peer, or the reason why it has no figure. */
  readonly peerName: string;
  readonly unit: string;
  /** Ours divided by the peer's; below 1 ours is cheaper. */
  readonly ratio: number | null;
}

export interface Goal {
  readonly of: 'ours' | 'ratio';
  readonly atMost: number;
}

/** A row and its goals. */
export interface Figure {
  readonly row: Row;
  readonly goals: readonly Goal[];
}

export interface Peer {
  readonly name: string;
  readonly values: readonly number[];
  /** Reason why there are no values. */
  readonly absent?: string;
}

/** Builds the row of the medians of all rounds. */
export function figure(
  what: string,
  unit: string,
  values: readonly number[],
  peer?: Peer,
  goals: readonly Goal[] = [],
): Figure {
  const ours = median(values);
  const theirs = median(peer?.values ?? []);
  const ratio = ours !== null && theirs !== null && theirs > 0 ? ours / theirs : null;
  const name = peer?.name ?? 'none';
  const row = {
    what,
    ours: rounded(ours),
    peer: rounded(theirs),
    peerName: peer?.absent === undefined ? name : `${name} cannot run here: ${peer.absent}`,
    unit,
    ratio: rounded(ratio),
  };
  return { row, goals };
}

export function median(values: readonly number[]): number | null {
  if (values.length === 0) return null;
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

function rounded(value: number | null): number | null {
  return value === null ? null : +value.toPrecision(3);
}

const COLUMNS = ['what', 'ours', 'unit', 'peer', 'ours ÷ peer', 'goal', '', 'the peer'];
/** Columns aligned to the right. */
const NUMERIC = new Set([1, 3, 4]);

/** Renders the figures as a table. */
export function renderTable(figures: readonly Figure[]): string {
  const lines = [COLUMNS, ...figures.map(cells)];
  const widths = COLUMNS.map((_, column) => Math.max(...lines.map((line) => line[column]!.length)));
  return lines
    .map((line) =>
      line
        .map((cell, column) =>
          NUMERIC.has(column) ? cell.padStart(widths[column]!) : cell.padEnd(widths[column]!),
        )
        .join('  ')
        .trimEnd(),
    )
    .map((line) => `${line}\n`)
    .join('');
}

function cells({ row, goals }: Figure): string[] {
  const { what, ours, peer, peerName, unit, ratio } = row;
  const text = (value: number | null) => (value === null ? '-' : String(value));
  return [what, text(ours), unit, text(peer), text(ratio), ...goalCells(row, goals), peerName];
}

function goalCells(row: Row, goals: readonly Goal[]): [string, string] {
  const unit = (goal: Goal) => (goal.of === 'ratio' ? '×' : row.unit);
  const wanted = goals.map((goal) => `≤ ${goal.atMost} ${unit(goal)}`).join(', ');
  const values = goals.map((goal) => [row[goal.of], goal.atMost] as const);
  if (goals.length === 0) return ['', ''];
  if (values.some(([value]) => value === null)) return [wanted, 'unknown'];
  return [wanted, values.every(([value, atMost]) => value! <= atMost) ? 'met' : 'MISSED'];
}
