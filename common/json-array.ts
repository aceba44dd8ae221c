import { KernscaleError } from './errors.js';

const [QUOTE, BACKSLASH, COMMA, COLON] = [0x22, 0x5c, 0x2c, 0x3a];
const [OPEN_LIST, CLOSE_LIST, OPEN_OBJECT, CLOSE_OBJECT] = [0x5b, 0x5d, 0x7b, 0x7d];
const BLANK = /^[ \t\r\n]*$/;

interface JsonArrayOptions {
  /** Names that lead to the array: `['data', 'result']`. */
  readonly path: readonly string[];
  /** Bytes that may be held: those of one element, and of everything beside the array. */
  readonly maxHeld: number;
  /** Receives the next elements, as they are between the brackets. They are not validated: `JSON.parse` reads `[${text}]`. */
  readonly onElements: (text: string) => void;
}

/**
 * Takes a JSON document whose bulk is one array apart while it arrives, so that it is never in memory as a whole. It only
 * finds where elements end: `JSON.parse` reads them, and what is left of the document.
 */
export class JsonArraySplitter {
  /** Bytes so far. */
  length = 0;
  #depth = 0;
  /** Objects of the path that are open. */
  #onPath = 0;
  #inString = false;
  #isEscaped = false;
  /** The name that is being read, where it may be one of the path. */
  #name: string | undefined;
  #expectsName = false;
  /** True between a name of the path and its value. */
  #isNamed = false;
  /** Depth of the array's elements; undefined outside. */
  #array: number | undefined;
  #isRead = false;
  #hasComma = false;
  /** Bytes of the element that has not ended. */
  #element: Buffer[] = [];
  readonly #rest: Buffer[] = [];
  #held = 0;

  constructor(private readonly options: JsonArrayOptions) {}

  /** @throws KernscaleError `JSON_TOO_LARGE`, and whatever `onElements` throws */
  write(chunk: Buffer): void {
    this.length += chunk.length;
    for (let at = 0; at < chunk.length;) {
      at = this.#array === undefined ? this.#outside(chunk, at) : this.#inside(chunk, at, this.#array);
    }
  }

  /** Returns the document without the elements. */
  end(): string {
    return Buffer.concat(this.#rest).toString();
  }

  /** Reads elements. @returns where to go on: at the bracket that ends the array, or at the end of the chunk */
  #inside(chunk: Buffer, start: number, depth: number): number {
    let comma = -1;
    for (let at = start; at < chunk.length; at++) {
      const byte = chunk[at];
      if (this.#inString) at = this.#skipString(chunk, at);
      else if (byte === QUOTE) this.#inString = true;
      else if (byte === OPEN_OBJECT || byte === OPEN_LIST) this.#depth++;
      else if (byte === COMMA && this.#depth === depth) comma = at;
      else if (byte === CLOSE_OBJECT || byte === CLOSE_LIST) {
        if (this.#depth > depth) this.#depth--;
        else {
          this.#emit(chunk.subarray(start, at), comma >= 0 || this.#hasComma);
          this.#array = undefined;
          this.#isRead = true;
          return at;
        }
      }
    }
    if (comma >= 0) {
      this.#hasComma = true;
      this.#emit(chunk.subarray(start, comma), true);
    }
    this.#hold(this.#element, chunk.subarray(comma < 0 ? start : comma + 1));
    return chunk.length;
  }

  /** Returns the index of the quote that ends the string, or of the last byte. */
  #skipString(chunk: Buffer, start: number): number {
    for (let at = start; at < chunk.length; at++) {
      const byte = chunk[at];
      if (this.#isEscaped) this.#isEscaped = false;
      else if (byte === BACKSLASH) this.#isEscaped = true;
      else if (byte === QUOTE) {
        this.#inString = false;
        return at;
      }
    }
    return chunk.length - 1;
  }

  /** Reads what is beside the array. @returns where to go on: at its first element, or at the end of the chunk */
  #outside(chunk: Buffer, start: number): number {
    for (let at = start; at < chunk.length; at++) {
      if (!this.#isArray(chunk[at]!)) continue;
      this.#array = this.#depth;
      this.#hold(this.#rest, chunk.subarray(start, at + 1));
      return at + 1;
    }
    this.#hold(this.#rest, chunk.subarray(start));
    return chunk.length;
  }

  /** True for the bracket that opens the array. */
  #isArray(byte: number): boolean {
    if (this.#inString) this.#readString(byte);
    else if (byte === QUOTE) this.#openString();
    else if (byte === COLON) {
      this.#isNamed = this.#name !== undefined && this.#name === this.options.path[this.#onPath - 1];
      this.#name = undefined;
    } else if (byte === COMMA) {
      this.#isNamed = false;
      this.#expectsName = this.#onPath > 0 && this.#depth === this.#onPath;
    } else if (byte === OPEN_OBJECT || byte === OPEN_LIST) return this.#open(byte);
    else if (byte === CLOSE_OBJECT || byte === CLOSE_LIST) {
      if (this.#depth === this.#onPath) this.#onPath--;
      this.#depth--;
    }
    return false;
  }

  #open(byte: number): boolean {
    const { path } = this.options;
    const isNext = this.#depth === 0 || this.#isNamed;
    this.#depth++;
    this.#isNamed = this.#expectsName = false;
    if (!isNext || this.#isRead) return false;
    if (byte === OPEN_LIST) return this.#onPath === path.length;
    if (this.#onPath < path.length) {
      this.#onPath++;
      this.#expectsName = true;
    }
    return false;
  }

  #openString(): void {
    this.#inString = true;
    this.#name = this.#expectsName ? '' : undefined;
    this.#expectsName = false;
  }

  /** A name that is written with escapes is none of the path. */
  #readString(byte: number): void {
    if (this.#isEscaped) this.#isEscaped = false;
    else if (byte === BACKSLASH) {
      this.#isEscaped = true;
      this.#name = undefined;
    } else if (byte === QUOTE) this.#inString = false;
    else if (this.#name !== undefined) this.#name += String.fromCharCode(byte);
  }

  #hold(parts: Buffer[], bytes: Buffer): void {
    parts.push(bytes);
    this.#held += bytes.length;
    if (this.#held <= this.options.maxHeld) return;
    const message = `more than ${Math.round(this.options.maxHeld / 1024 ** 2)} MiB of JSON in one piece`;
    throw new KernscaleError('JSON_TOO_LARGE', message);
  }

  /** @param hasComma true if a comma stands beside these elements */
  #emit(bytes: Buffer, hasComma: boolean): void {
    const text =
      this.#element.length === 0 ? bytes.toString() : Buffer.concat([...this.#element, bytes]).toString();
    for (const part of this.#element) this.#held -= part.length;
    this.#element = [];
    if (!BLANK.test(text)) this.options.onElements(text);
    // A comma without an element is an error, which `JSON.parse` is left to find.
    else if (hasComma) this.options.onElements(',');
  }
}
