/** Something that happens at a time of its own. */
export interface Actor {
  fire(now: number): void;
}

const NOWHERE = -1;
/** Actors that there is room for at first: few, since a fleet has a calendar for each of its parts. */
const FIRST_SIZE = 32;

/**
 * The calendar of a simulation: an indexed binary heap of the next time of every actor. Each actor has at most one, so
 * that one that changes costs a sift and leaves nothing stale behind.
 */
export class Events {
  /** Seconds since the start. */
  now = 0;
  /** Number of events that have happened. */
  count = 0;
  #actors: (Actor | undefined)[] = [];
  readonly #free: number[] = [];
  #times = new Float64Array(FIRST_SIZE);
  #places = new Int32Array(FIRST_SIZE).fill(NOWHERE);
  #heap = new Int32Array(FIRST_SIZE);
  #size = 0;
  /** The actor at the root that is happening now, unless it has a new time. */
  #firing = NOWHERE;

  /** @returns the actor's number, for the other methods */
  add(actor: Actor): number {
    const id = this.#free.pop() ?? this.#actors.length;
    this.#actors[id] = actor;
    if (id >= this.#times.length) this.#grow();
    return id;
  }

  remove(id: number): void {
    this.cancel(id);
    this.#actors[id] = undefined;
    this.#free.push(id);
  }

  /** Sets the next time of an actor, in place of the one it has. */
  set(id: number, time: number): void {
    if (this.#firing === id) this.#firing = NOWHERE;
    const place = this.#places[id]!;
    const before = this.#times[id]!;
    this.#times[id] = time;
    if (place === NOWHERE) this.#up(this.#size++, id);
    else if (time < before) this.#up(place, id);
    else this.#down(place, id);
  }

  cancel(id: number): void {
    if (this.#firing === id) this.#firing = NOWHERE;
    const place = this.#places[id]!;
    if (place === NOWHERE) return;
    this.#places[id] = NOWHERE;
    const last = this.#heap[--this.#size]!;
    if (last === id) return;
    const parent = this.#heap[(place - 1) >> 1]!;
    if (place > 0 && this.#times[last]! < this.#times[parent]!) this.#up(place, last);
    else this.#down(place, last);
  }

  /** The next time of an actor; Infinity without one. */
  timeOf(id: number): number {
    return this.#places[id] === NOWHERE ? Infinity : this.#times[id]!;
  }

  /** Lets everything happen that has a time of at most `end`. */
  run(end: number): void {
    while (this.#size > 0) {
      const id = this.#heap[0]!;
      const time = this.#times[id]!;
      if (time > end) break;
      this.now = time;
      this.count++;
      // It stays at the root while it happens: most actors then take a later time, which is one sift.
      this.#firing = id;
      this.#actors[id]!.fire(time);
      if (this.#firing === id) this.cancel(id);
    }
    this.now = end;
  }

  #up(from: number, id: number): void {
    const heap = this.#heap;
    const times = this.#times;
    const places = this.#places;
    const time = times[id]!;
    let place = from;
    while (place > 0) {
      const parent = (place - 1) >> 1;
      const other = heap[parent]!;
      if (times[other]! <= time) break;
      heap[place] = other;
      places[other] = place;
      place = parent;
    }
    heap[place] = id;
    places[id] = place;
  }

  #down(from: number, id: number): void {
    const heap = this.#heap;
    const times = this.#times;
    const places = this.#places;
    const time = times[id]!;
    const size = this.#size;
    let place = from;
    for (let child = 2 * place + 1; child < size; child = 2 * place + 1) {
      if (child + 1 < size && times[heap[child + 1]!]! < times[heap[child]!]!) child++;
      const other = heap[child]!;
      if (times[other]! >= time) break;
      heap[place] = other;
      places[other] = place;
      place = child;
    }
    heap[place] = id;
    places[id] = place;
  }

  #grow(): void {
    const length = 2 * this.#times.length;
    const times = new Float64Array(length);
    const places = new Int32Array(length).fill(NOWHERE);
    const heap = new Int32Array(length);
    times.set(this.#times);
    places.set(this.#places);
    heap.set(this.#heap);
    this.#times = times;
    this.#places = places;
    this.#heap = heap;
  }
}
