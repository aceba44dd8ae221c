import { styleText } from 'node:util';
import type { StateShare } from './prometheus.js';

/** One workload as the view shows it. */
export interface Row {
  readonly workload: string;
  readonly replicas: number;
  readonly readyReplicas: number;
  /** undefined while the scaler has not decided yet. */
  readonly decision: { readonly bound: string; readonly reason: string } | undefined;
}

export interface Screen {
  readonly elapsedSeconds: number;
  readonly rows: readonly Row[];
  /** undefined while Prometheus does not answer. */
  readonly states: readonly StateShare[] | undefined;
  readonly scalerAnswers: boolean;
  readonly addresses: readonly string[];
  readonly notice: string;
}

type Style = Parameters<typeof styleText>[0];

const BAR_CELLS = 16;
const INDENT = ' '.repeat(10);
/** Title, notice, heading, the empty line above the addresses, and the terminal's last line, which stays empty. */
const FRAME_LINES = 5;
const MOST_LINES_PER_DECISION = 3;

/** How each state is called in a sentence, its cell in the bar and its colour, in the order they are drawn. */
const STATES: Record<string, { words: string; cell: string; style: Style }> = {
  oncpu: { words: 'on CPU', cell: '█', style: 'green' },
  runqueue: { words: 'waiting for a CPU', cell: '▓', style: 'yellow' },
  throttled: { words: 'throttled', cell: '▒', style: 'red' },
  disk: { words: 'on disk', cell: '◆', style: 'magenta' },
  network: { words: 'on a peer', cell: '»', style: 'cyan' },
  lock: { words: 'on a lock', cell: '■', style: 'blue' },
  ipc: { words: 'on a local process', cell: '=', style: 'cyan' },
  other: { words: 'other', cell: '?', style: 'gray' },
  sleep: { words: 'asleep', cell: 'z', style: 'gray' },
  idle: { words: 'idle', cell: '·', style: 'gray' },
};
/** Not doing anything and not held up by anything: not worth a word or a colour beside real work. */
const AT_REST = new Set(['sleep', 'idle']);
const NEGLIGIBLE_THREADS = 0.005;

export interface TerminalShape {
  readonly columns: number;
  readonly rows: number;
  readonly colour: boolean;
}

/** A part of a line in one style; a line is cut by what it shows, which its escape sequences are no part of. */
type Piece = readonly [text: string, style?: Style | undefined];

/** The whole screen as lines that fit the terminal, each in the same place from one second to the next. */
export function renderScreen(screen: Screen, { columns, rows, colour }: TerminalShape): string[] {
  const fit = (...pieces: Piece[]) => paint(cut(pieces, columns), colour);
  const perRow = Math.floor((rows - FRAME_LINES - screen.addresses.length) / screen.rows.length);
  const perDecision = Math.min(MOST_LINES_PER_DECISION, Math.max(1, perRow - 1));
  const about = ` on this machine · ${screen.elapsedSeconds} s · Ctrl-C ends it and cleans up`;
  const lines = [fit(['Kernscale', 'bold'], [about]), fit([screen.notice, 'yellow'])];
  lines.push(fit([`${'workload'.padEnd(9)} replicas  what its threads are doing`, 'dim']));
  for (const row of screen.rows) {
    const states = screen.states?.filter((share) => share.workload === row.workload);
    lines.push(fit([row.workload.padEnd(9), 'bold'], [` ${replicas(row).padEnd(9)} `], ...threads(states)));
    const decided = screen.scalerAnswers ? decision(row) : 'the scaler does not answer';
    const words = wrap(decided, columns - INDENT.length, perDecision);
    lines.push(...words.map((line) => fit([INDENT + line, 'dim'])));
  }
  return [...lines, '', ...screen.addresses.map((address) => fit([address]))].slice(0, rows - 1);
}

/** One line per workload without any control character, for logs and pipes; a change of it is news. */
export function renderNews(row: Row): string {
  return `${row.workload.padEnd(6)} ${replicas(row)}  ${decision(row)}`;
}

function replicas(row: Row): string {
  return row.readyReplicas === row.replicas ? `${row.replicas}` : `${row.readyReplicas} of ${row.replicas}`;
}

function decision(row: Row): string {
  return row.decision ? `${row.decision.bound}: ${row.decision.reason}` : 'no decision yet';
}

function threads(shares: readonly StateShare[] | undefined): Piece[] {
  if (!shares) return [['Prometheus does not answer']];
  const present = shares.filter((share) => share.threads > NEGLIGIBLE_THREADS);
  if (present.length === 0) return [['no measurements']];
  const busy = present.filter((share) => !AT_REST.has(share.state));
  const told = busy.length > 0 ? busy : present;
  return [...bar(told), [` ${words(told)}`]];
}

function bar(shares: readonly StateShare[]): Piece[] {
  const total = shares.reduce((sum, share) => sum + share.threads, 0);
  let drawn = 0;
  let passed = 0;
  return Object.entries(STATES).map(([state, { cell, style }]): Piece => {
    passed += shares.find((share) => share.state === state)?.threads ?? 0;
    const begin = drawn;
    drawn = Math.round((passed / total) * BAR_CELLS);
    return [cell.repeat(drawn - begin), style];
  });
}

function words(shares: readonly StateShare[]): string {
  return shares
    .toSorted((a, b) => b.threads - a.threads)
    .slice(0, 3)
    .map((share) => `${share.threads.toFixed(2)} ${STATES[share.state]?.words ?? share.state}`)
    .join(', ');
}

function paint(pieces: readonly Piece[], colour: boolean): string {
  return pieces
    .map(([text, style]) => (colour && style ? styleText(style, text, { validateStream: false }) : text))
    .join('');
}

function cut(pieces: readonly Piece[], width: number): Piece[] {
  const length = pieces.reduce((sum, [text]) => sum + text.length, 0);
  if (length <= width) return [...pieces];
  let left = width - 1;
  const kept = pieces.map(([text, style]): Piece => {
    const part = text.slice(0, left);
    left -= part.length;
    return [part, style];
  });
  return [...kept, ['…']];
}

/** Exactly `count` lines, broken between words; what does not fit stays on the last, for the caller to cut. */
function wrap(text: string, width: number, count: number): string[] {
  const lines: string[] = [];
  for (const word of text.split(' ')) {
    const longer = [lines.at(-1), word].filter((part) => part !== undefined).join(' ');
    if (lines.length > 0 && (longer.length <= width || lines.length === count))
      lines[lines.length - 1] = longer;
    else lines.push(word);
  }
  return [...lines, ...Array<string>(count - lines.length).fill('')];
}
