import { styleText } from 'node:util';
import type { WriteStream } from 'node:tty';
import type { StateShare } from './observe.js';

/** One workload as the view shows it. */
export interface Row {
  readonly workload: string;
  readonly replicas: number;
  readonly readyReplicas: number;
  /** Undefined before the scaler's first decision. */
  readonly decision: { readonly class: string; readonly reason: string } | undefined;
}

interface Picture {
  readonly elapsedSeconds: number;
  readonly rows: readonly Row[];
  /** Undefined while Prometheus does not respond. */
  readonly states: readonly StateShare[] | undefined;
  readonly scalerResponds: boolean;
  /** Sentences of the scaler about what it lacks. */
  readonly problems: readonly string[];
}

export interface Screen extends Picture {
  readonly addresses: readonly string[];
  readonly notice: string;
}

type Style = Parameters<typeof styleText>[0];

const BAR_CELLS = 16;
const INDENT = ' '.repeat(10);
/** Title, notice, heading, the empty line above the addresses, and the terminal's last line, which stays empty. */
const FRAME_LINES = 5;
const MOST_LINES_PER_DECISION = 3;

/** Words, cell of the bar and colour of each thread state, in the order of the bar. */
const STATES: Record<string, { words: string; cell: string; style: Style }> = {
  oncpu: { words: 'on CPU', cell: '█', style: 'green' },
  runqueue: { words: 'waiting for CPU', cell: '▓', style: 'yellow' },
  throttled: { words: 'throttled', cell: '▒', style: 'red' },
  disk: { words: 'blocked on disk', cell: '◆', style: 'magenta' },
  network: { words: 'blocked on a peer', cell: '»', style: 'cyan' },
  lock: { words: 'blocked on a lock', cell: '■', style: 'blue' },
  ipc: { words: 'blocked on a local process', cell: '=', style: 'cyan' },
  reclaim: { words: 'held up for memory', cell: '%', style: 'magenta' },
  other: { words: 'other', cell: '?', style: 'gray' },
  sleep: { words: 'sleeping', cell: 'z', style: 'gray' },
  idle: { words: 'idle', cell: '·', style: 'gray' },
};
/** What the cells of a bar mean. */
export const LEGEND = ['oncpu', 'runqueue', 'throttled', 'disk', 'network', 'lock', 'idle']
  .map((state) => `${STATES[state]!.cell} ${STATES[state]!.words.replace(/^blocked on /, '')}`)
  .join('  ');
/** Neither work nor a wait: shown only where there is nothing else. */
const AT_REST = new Set(['sleep', 'idle']);
const NEGLIGIBLE_THREADS = 0.005;

export interface TerminalShape {
  readonly columns: number;
  readonly rows: number;
  readonly colour: boolean;
}

/** Part of a line in one style. A line is cut by its visible text, before escape sequences are added. */
type Piece = readonly [text: string, style?: Style | undefined];

/** Lines of the whole screen; they fit the terminal and keep their places from one second to the next. */
export function renderScreen(screen: Screen, { columns, rows, colour }: TerminalShape): string[] {
  const fit = (...pieces: Piece[]) => paint(cut(pieces, columns), colour);
  const perRow = Math.floor((rows - FRAME_LINES - screen.addresses.length) / screen.rows.length);
  const perDecision = Math.min(MOST_LINES_PER_DECISION, Math.max(1, perRow - 1));
  const about = ` on this machine · ${screen.elapsedSeconds} s · Ctrl-C stops and cleans up`;
  const lines = [fit(['Kernscale', 'bold'], [about]), fit(news(screen))];
  lines.push(fit([`${'workload'.padEnd(9)} replicas  threads by state, average of 10 s`, 'dim']));
  for (const row of screen.rows) {
    const states = screen.states?.filter((share) => share.workload === row.workload);
    lines.push(fit([row.workload.padEnd(9), 'bold'], [` ${replicas(row).padEnd(9)} `], ...threads(states)));
    const decided = screen.scalerResponds ? decision(row) : 'the scaler does not respond';
    const words = wrap(decided, columns - INDENT.length, perDecision);
    lines.push(...words.map((line) => fit([INDENT + line, 'dim'])));
  }
  const addresses = screen.addresses.map((address) => fit([address]));
  return [...lines, '', ...addresses, '', fit([LEGEND, 'dim'])].slice(0, rows - 1);
}

/** A problem is worth more than an event. */
function news({ problems, notice }: Screen): Piece {
  const [problem] = problems;
  return problem === undefined ? [notice, 'yellow'] : [problemLine(problem, problems.length), 'red'];
}

function problemLine(problem: string, count: number): string {
  return `Problem${count > 1 ? ` 1 of ${count}` : ''}: ${problem.replaceAll(/\s+/g, ' ')}`;
}

/** One line for a workload, without control characters. */
export function renderLine(row: Row): string {
  return `${row.workload.padEnd(6)} ${replicas(row)}  ${decision(row)}`;
}

function replicas(row: Row): string {
  return row.readyReplicas === row.replicas ? `${row.replicas}` : `${row.readyReplicas} of ${row.replicas}`;
}

function decision(row: Row): string {
  return row.decision ? `${row.decision.class}: ${row.decision.reason}` : 'no decision yet';
}

function threads(shares: readonly StateShare[] | undefined): Piece[] {
  if (!shares) return [['Prometheus does not respond']];
  const present = shares.filter((share) => share.threads > NEGLIGIBLE_THREADS);
  if (present.length === 0) return [['no data']];
  const busy = present.filter((share) => !AT_REST.has(share.state));
  const shown = busy.length > 0 ? busy : present;
  return [...bar(shown), [` ${words(shown)}`]];
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

/** Exactly `count` lines, broken between words; the last holds all that is left, for the caller to cut. */
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

export interface View {
  /** Shows one sentence about an event. */
  readonly notice: (message: string) => void;
  /** Shows addresses and commands from now on. */
  addresses(lines: readonly string[]): void;
  show(picture: Picture): void;
  /** Restores the terminal. */
  close(): void;
}

const ENTER = '\x1b[?1049h\x1b[?25l';
const LEAVE = '\x1b[?25h\x1b[?1049l';
const HOME = '\x1b[H';
const CLEAR_LINE = '\x1b[K';
const CLEAR_BELOW = '\x1b[J';

/** Redraws one screen in place, on the terminal's alternate screen, which keeps the shell's lines. */
export function terminalView(terminal: WriteStream): View {
  let notice = '';
  let addresses: readonly string[] = [];
  let shown: Picture | undefined;
  const draw = (picture: Picture) => {
    // Some pseudo-terminals have no size.
    const shape = {
      columns: terminal.columns || 80,
      rows: terminal.rows || 24,
      colour: terminal.hasColors(),
    };
    const lines = renderScreen({ ...picture, addresses, notice }, shape);
    terminal.write(HOME + lines.map((line) => `${line}${CLEAR_LINE}\n`).join('') + CLEAR_BELOW);
  };
  return {
    notice(message) {
      notice = message;
      if (shown) draw(shown);
      else terminal.write(`${message}\n`);
    },
    addresses(lines) {
      addresses = lines;
      notice = '';
    },
    show(picture) {
      if (!shown) terminal.write(ENTER);
      shown = picture;
      draw(picture);
    },
    close() {
      if (shown) terminal.write(LEAVE);
      shown = undefined;
    },
  };
}

/** Prints one line when replicas or class of a workload change, for pipes, logs and `--json`. */
export function lineView(stream: NodeJS.WritableStream): View {
  const last = new Map<string, string>();
  let problem: string | undefined;
  const print = (line: string) => stream.write(`${line}\n`);
  return {
    notice: print,
    addresses(lines) {
      lines.forEach(print);
    },
    show({ elapsedSeconds, rows, scalerResponds, problems }) {
      if (!scalerResponds) return;
      if (problems[0] !== problem && problems[0] !== undefined) {
        print(`${String(elapsedSeconds).padStart(4)} s  ${problemLine(problems[0], problems.length)}`);
      }
      problem = problems[0];
      for (const row of rows) {
        const key = `${row.replicas} ${row.decision?.class ?? ''}`;
        if (last.get(row.workload) !== key)
          print(`${String(elapsedSeconds).padStart(4)} s  ${renderLine(row)}`);
        last.set(row.workload, key);
      }
    },
    close: () => undefined,
  };
}
