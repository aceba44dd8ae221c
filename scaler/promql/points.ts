/** Points of a series as text: `[[1700000000,"1"],[1700000015.5,"NaN"]]`. */
export interface Points {
  readonly text: string;
  readonly from: number;
  /** Exclusive. */
  readonly to: number;
}

const START = '"values":[[';
const END = ']]';

/**
 * Cuts the points of every series out of a matrix answer, and leaves their number in `cut` in their place.
 *
 * A week of a fleet has tens of millions of points: as JSON values they would be as many small arrays and texts, and
 * clearing these away takes longer than everything else. In labels the quotes of such a text are escaped, so it can
 * only be points.
 */
export function withoutPoints(body: string): { rest: string; cut: Points[] } {
  const cut: Points[] = [];
  let rest = '';
  let done = 0;
  for (;;) {
    const start = body.indexOf(START, done);
    const end = start < 0 ? -1 : body.indexOf(END, start);
    if (end < 0) return { rest: rest + body.slice(done), cut };
    const from = start + START.length - END.length;
    rest += `${body.slice(done, from)}${cut.length}`;
    done = end + END.length;
    cut.push({ text: body, from, to: done });
  }
}

/**
 * Reads points one by one.
 *
 * @param visit told the time in seconds and the value's text of each; false ends it
 * @returns whether all could be read
 */
export function eachPoint(
  { text, from, to }: Points,
  visit: (at: number, value: string) => boolean,
): boolean {
  // An empty list.
  if (to - from <= 2) return true;
  let open = from + 1;
  for (;;) {
    const comma = text.indexOf(',"', open);
    const close = comma < 0 ? -1 : text.indexOf('"]', comma + 2);
    if (close < 0 || close >= to || text[open] !== '[') return false;
    if (!visit(parseTime(text, open + 1, comma), text.slice(comma + 2, close))) return false;
    open = close + 3;
    if (text[close + 2] !== ',') return open === to;
  }
}

/** Times are whole seconds as a rule; a digit at a time these are read in a fraction of what `Number` takes. */
function parseTime(text: string, from: number, to: number): number {
  let time = 0;
  for (let index = from; index < to; index++) {
    const digit = text.charCodeAt(index) - 48;
    if (!(digit >= 0 && digit <= 9)) return Number(text.slice(from, to));
    time = time * 10 + digit;
  }
  return from < to ? time : NaN;
}
