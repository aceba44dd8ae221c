const WIDTH = 30;

export interface Progress {
  /** @param done 0..1 */
  readonly show: (done: number) => void;
  readonly end: () => void;
}

/** A bar on a terminal that is drawn over itself; nothing on a file or a pipe. */
export function progressBar(stream: NodeJS.WriteStream, what: string): Progress {
  if (!stream.isTTY) return { show: () => undefined, end: () => undefined };
  const draw = (done: number): void => {
    const full = Math.round(done * WIDTH);
    const bar = '█'.repeat(full) + '·'.repeat(WIDTH - full);
    stream.write(`\r${what} ${bar} ${Math.round(done * 100)} %`);
  };
  draw(0);
  return {
    show: draw,
    end: () => {
      stream.write('\r\x1b[K');
    },
  };
}
