/** A queue: first in, first out, each in constant time. */
export class Fifo<T> {
  #items: (T | undefined)[] = new Array<T | undefined>(8);
  #head = 0;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  get first(): T | undefined {
    return this.#items[this.#head];
  }

  push(item: T): void {
    if (this.#size === this.#items.length) this.#grow();
    this.#items[(this.#head + this.#size++) & (this.#items.length - 1)] = item;
  }

  shift(): T | undefined {
    if (this.#size === 0) return undefined;
    const item = this.#items[this.#head];
    this.#items[this.#head] = undefined;
    this.#head = (this.#head + 1) & (this.#items.length - 1);
    this.#size--;
    return item;
  }

  clear(): void {
    while (this.#size > 0) this.shift();
  }

  #grow(): void {
    const { length } = this.#items;
    const items = new Array<T | undefined>(2 * length);
    for (let index = 0; index < length; index++)
      items[index] = this.#items[(this.#head + index) & (length - 1)];
    this.#items = items;
    this.#head = 0;
  }
}

/** What only `capacity` can hold at once; the others wait in turn: a lock, a pool of threads or of connections. */
export class Gate<T> {
  held = 0;
  readonly #waiting = new Fifo<T>();

  constructor(public capacity: number) {}

  get waiting(): number {
    return this.#waiting.size;
  }

  /** @returns true if it has it now; else it waits, until {@link release} returns it */
  take(item: T): boolean {
    if (this.held < this.capacity) {
      this.held++;
      return true;
    }
    this.#waiting.push(item);
    return false;
  }

  /** @returns who has it next, if someone waits */
  release(): T | undefined {
    const next = this.held <= this.capacity ? this.#waiting.shift() : undefined;
    if (next === undefined) this.held--;
    return next;
  }

  /** Those who may have it too, after `capacity` has grown. */
  admit(): T | undefined {
    if (this.held >= this.capacity) return undefined;
    const next = this.#waiting.shift();
    if (next !== undefined) this.held++;
    return next;
  }
}
