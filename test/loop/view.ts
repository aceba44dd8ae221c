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
  readonly addresses: readonly string[];
  readonly notice: string;
}

type Style = Parameters<typeof styleText>[0];

const BAR_CELLS = 16;

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

/** The whole screen as lines no wider than `width`. */
export function renderScreen(screen: Screen, width: number, colour: boolean): string[] {
  const paint = painter(colour);
  const title = paint('bold', 'Kernscale');
  const lines = [`${title} on this machine · ${screen.elapsedSeconds} s · Ctrl-C ends it and cleans up`, ''];
  lines.push(paint('dim', `${'workload'.padEnd(9)} replicas  what its threads are doing`));
  for (const row of screen.rows) {
    const states = screen.states?.filter((share) => share.workload === row.workload);
    lines.push(
      `${paint('bold', row.workload.padEnd(9))} ${replicas(row).padEnd(9)} ${threads(states, paint)}`,
    );
    lines.push(paint('dim', cut(`          ${decision(row)}`, width)));
  }
  lines.push('', ...screen.addresses.map((address) => cut(address, width)));
  if (screen.notice) lines.push('', paint('yellow', cut(screen.notice, width)));
  return lines;
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

type Paint = (style: Style, text: string) => string;

function painter(colour: boolean): Paint {
  return (style, text) => (colour ? styleText(style, text, { validateStream: false }) : text);
}

function threads(shares: readonly StateShare[] | undefined, paint: Paint): string {
  if (!shares) return 'Prometheus does not answer';
  const present = shares.filter((share) => share.threads > NEGLIGIBLE_THREADS);
  if (present.length === 0) return 'nothing measured yet';
  const busy = present.filter((share) => !AT_REST.has(share.state));
  const told = busy.length > 0 ? busy : present;
  return `${bar(told, paint)} ${words(told)}`;
}

function bar(shares: readonly StateShare[], paint: Paint): string {
  const total = shares.reduce((sum, share) => sum + share.threads, 0);
  let drawn = 0;
  let passed = 0;
  let text = '';
  for (const [state, { cell, style }] of Object.entries(STATES)) {
    passed += shares.find((share) => share.state === state)?.threads ?? 0;
    const end = Math.round((passed / total) * BAR_CELLS);
    text += paint(style, cell.repeat(end - drawn));
    drawn = end;
  }
  return text;
}

function words(shares: readonly StateShare[]): string {
  const busy = shares.filter((share) => !AT_REST.has(share.state));
  const told = (busy.length > 0 ? busy : shares).toSorted((a, b) => b.threads - a.threads).slice(0, 3);
  return told
    .map((share) => `${share.threads.toFixed(2)} ${STATES[share.state]?.words ?? share.state}`)
    .join(', ');
}

function cut(text: string, width: number): string {
  return text.length <= width ? text : `${text.slice(0, width - 1)}…`;
}
