/** Columns of a line. */
const WIDTH = 100;

/**
 * Wraps a text into lines of at most 100 columns, except where one word is longer.
 *
 * @param first what the first line begins with
 * @param rest what the others begin with
 */
export function wrap(text: string, first: string, rest = first): string[] {
  const lines: string[] = [];
  let line = first;
  for (const [index, word] of text.trim().split(/\s+/).entries()) {
    if (index > 0 && line.length + 1 + word.length > WIDTH) {
      lines.push(line);
      line = rest + word;
    } else line += index === 0 ? word : ` ${word}`;
  }
  return [...lines, line];
}
