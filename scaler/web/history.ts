import { POINT } from './row.js';

const STRIDE = POINT.length;
const [AT, REPLICAS, WANTED] = [0, 1, 2];
const SPAN = 3600;
const MAX_POINTS = 64;
const MIN_POINTS = 16;
/** Points of all workloads together: 11.5 MB. */
const ALL_POINTS = 160_000;

/** The last hour of a workload: a point where its replicas changed, and one a minute (fewer with many workloads). */
export class WorkloadHistory {
  /** Times count from the first point: 32 bits hold them to a second for half a year. */
  #values = new Float32Array(4 * STRIDE);
  #length = 0;
  #start = 0;

  /**
   * Adds the newest point, in place of one that is not needed.
   *
   * @param figures in the order of `POINT`; NaN where one is not known
   * @param workloads how many have a history: they share the memory
   */
  add(figures: readonly number[], workloads: number): void {
    if (this.#length === 0) this.#start = figures[AT]!;
    const limit = Math.max(MIN_POINTS, Math.min(MAX_POINTS, Math.floor(ALL_POINTS / workloads)));
    const point = [figures[AT]! - this.#start, ...figures.slice(1)];
    if (!this.#replacesLast(point, SPAN / (limit - 4))) this.#makeRoom(limit);
    this.#values.set(point, (this.#length - 1) * STRIDE);
  }

  /** Points of the last hour, oldest first, in the order of `POINT`. */
  points(): (number | null)[][] {
    const points = Array.from({ length: this.#length }, (_, index) => {
      const figures = this.#values.subarray(index * STRIDE, (index + 1) * STRIDE);
      return [...figures].map((figure, field) => {
        if (field === AT) return Math.round(figure + this.#start);
        return Number.isNaN(figure) ? null : Number(figure.toPrecision(5));
      });
    });
    const newest = points.at(-1)?.[AT] ?? 0;
    return points.filter(([at]) => at! >= newest - SPAN);
  }

  #replacesLast(point: readonly number[], spacing: number): boolean {
    if (this.#length < 2) return false;
    const [last, before] = [(this.#length - 1) * STRIDE, (this.#length - 2) * STRIDE];
    const isSame = (field: number, index: number) => this.#values[index + field] === point[field];
    const isQuiet = [REPLICAS, WANTED].every(
      (field) => isSame(field, last) && this.#values[last + field] === this.#values[before + field],
    );
    return isQuiet && this.#values[last + AT]! - this.#values[before + AT]! < spacing;
  }

  #makeRoom(limit: number): void {
    const excess = this.#length - (limit - 1);
    if (excess > 0) {
      this.#values.copyWithin(0, excess * STRIDE);
      this.#length -= excess;
    }
    this.#length++;
    if (this.#length * STRIDE <= this.#values.length) return;
    const larger = new Float32Array(Math.min(limit, this.#length * 2) * STRIDE);
    larger.set(this.#values);
    this.#values = larger;
  }
}
