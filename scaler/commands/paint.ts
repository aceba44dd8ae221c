import { styleText } from 'node:util';

export type Paint = (format: Parameters<typeof styleText>[0], text: string) => string;

/** Colours for text that goes to a terminal that shows them (`NO_COLOR` is heeded); none for a file or a pipe. */
export function painter(stream: NodeJS.WriteStream): Paint {
  return stream.isTTY && stream.hasColors() ? styleText : (_format, text) => text;
}
