import type { WriteStream } from 'node:tty';
import { renderNews, renderScreen, type Row } from './view.js';
import type { StateShare } from './prometheus.js';

export interface Picture {
  readonly elapsedSeconds: number;
  readonly rows: readonly Row[];
  readonly states: readonly StateShare[] | undefined;
  readonly scalerAnswers: boolean;
}

export interface View {
  /** Something that happened, in one sentence. */
  readonly notice: (message: string) => void;
  /** Where to look and what to try; shown from now on. */
  addresses(lines: readonly string[]): void;
  show(picture: Picture): void;
  /** Gives the terminal back as it was. */
  close(): void;
}

const ENTER = '\x1b[?1049h\x1b[?25l';
const LEAVE = '\x1b[?25h\x1b[?1049l';
const HOME = '\x1b[H';
const CLEAR_LINE = '\x1b[K';
const CLEAR_BELOW = '\x1b[J';

/** Redraws one screen in place, on the terminal's alternate screen, so that the shell's lines stay. */
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

/** Prints one line when something about a workload changes, for pipes, logs and `--json`. */
export function lineView(stream: NodeJS.WritableStream): View {
  const last = new Map<string, string>();
  const print = (line: string) => stream.write(`${line}\n`);
  return {
    notice: print,
    addresses(lines) {
      lines.forEach(print);
    },
    show({ elapsedSeconds, rows, scalerAnswers }) {
      if (!scalerAnswers) return;
      for (const row of rows) {
        const news = `${row.replicas} ${row.decision?.bound ?? ''}`;
        if (last.get(row.workload) !== news)
          print(`${String(elapsedSeconds).padStart(4)} s  ${renderNews(row)}`);
        last.set(row.workload, news);
      }
    },
    close: () => undefined,
  };
}
