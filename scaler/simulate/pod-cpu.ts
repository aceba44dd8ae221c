import { ONCPU, RUNQUEUE, SERVING, STARVED, THROTTLED, type Counters } from './counters.js';
import type { Actor, Events } from './events.js';

/** Kernel's default of `cfs_period_us`, seconds. */
export const PERIOD = 0.1;
/** CPU time that is taken for none, seconds: rounding of sums of double precision. */
const NOTHING = 1e-9;

/** What computes: a request, or a thread that serves nothing. */
export interface Job {
  /** Virtual time at which it has had its CPU time; set by {@link PodCpu}. */
  finish: number;
  readonly serving: boolean;
  computed(now: number): void;
}

/**
 * The CPU of a pod. Its runnable threads share the cores that its node grants it evenly (processor sharing), until the
 * quota of the period is used up; then all wait for the next period (CFS bandwidth control).
 *
 * Between two changes every job gets the same CPU time, so one sum, the virtual time, stands for all of them: a change
 * costs the logarithm of the jobs, and a pod whose threads sleep costs nothing.
 */
export class PodCpu implements Actor {
  readonly #id: number;
  readonly #jobs: Job[] = [];
  #serving = 0;
  #virtual = 0;
  #since = 0;
  #quotaLeft: number;
  #periodEnd: number;
  #throttled = false;
  #isFiring = false;
  #isStopped = false;
  #cores: number;
  /** Called when the number of cores that the pod wants changes. */
  onWant: ((now: number) => void) | undefined;

  /**
   * @param quota cores; Infinity: none
   * @param parallel most threads that can be runnable at once
   * @param phase time at which a period ends
   */
  constructor(
    private readonly events: Events,
    private readonly counters: Counters,
    private readonly quota: number,
    private readonly parallel: number,
    cores: number,
    phase: number,
  ) {
    this.#id = events.add(this);
    this.#cores = cores;
    this.#quotaLeft = quota * PERIOD;
    this.#periodEnd = phase;
  }

  get jobs(): number {
    return this.#jobs.length;
  }

  /** Cores that it would use if its node had them. */
  get wanted(): number {
    return this.#throttled ? 0 : this.#runnable();
  }

  /** Changes the cores that the node grants. */
  grant(cores: number, now: number): void {
    if (cores === this.#cores) return;
    this.settle(now);
    this.#cores = cores;
    this.#plan(now);
  }

  /** @param amount CPU time, seconds */
  start(job: Job, amount: number, now: number): void {
    this.settle(now);
    job.finish = this.#virtual + amount;
    this.#push(job);
    if (job.serving) this.#serving++;
    this.#throttled = this.#quotaLeft <= NOTHING;
    if (!this.#isFiring) this.#changed(now);
  }

  /** Ends all jobs without a result. */
  stop(now: number): void {
    this.settle(now);
    this.#jobs.length = 0;
    this.#serving = 0;
    this.#throttled = false;
    this.#isStopped = true;
    this.onWant?.(now);
    this.events.remove(this.#id);
  }

  fire(now: number): void {
    this.settle(now);
    this.#throttled = this.#jobs.length > 0 && this.#quotaLeft <= NOTHING;
    // What starts meanwhile is planned with the rest.
    this.#isFiring = true;
    const jobs = this.#jobs;
    while (jobs.length > 0 && jobs[0]!.finish <= this.#virtual + NOTHING) this.#pop().computed(now);
    this.#isFiring = false;
    this.#changed(now);
  }

  /** Brings the counters up to `now`. */
  settle(now: number): void {
    const elapsed = now - this.#since;
    if (elapsed <= 0) return;
    const used = this.#jobs.length > 0 ? this.#count(elapsed) : 0;
    if (this.quota === Infinity) {
      this.#since = now;
      return;
    }
    if (now < this.#periodEnd) this.#quotaLeft -= used * elapsed;
    else {
      const begun = this.#periodEnd + Math.floor((now - this.#periodEnd) / PERIOD) * PERIOD;
      this.#periodEnd = begun + PERIOD;
      // Throttled ones have just been waiting for this moment; the others have used the new period since it began.
      const since = Math.max(begun, this.#since);
      this.#quotaLeft = this.quota * PERIOD - (this.#throttled ? 0 : used * (now - since));
      this.#throttled = false;
    }
    this.#since = now;
  }

  /** Counts a stretch without a change. @returns cores used */
  #count(elapsed: number): number {
    const counters = this.counters;
    const runnable = this.#runnable();
    const share = this.#serving / this.#jobs.length;
    if (this.#throttled) {
      counters.add(THROTTLED, runnable * elapsed);
      counters.add(THROTTLED + SERVING, runnable * elapsed * share);
      counters.add(STARVED, elapsed);
      return 0;
    }
    const used = Math.min(runnable, this.#cores);
    counters.add(ONCPU, used * elapsed);
    counters.add(ONCPU + SERVING, used * elapsed * share);
    if (runnable > used) {
      counters.add(RUNQUEUE, (runnable - used) * elapsed);
      counters.add(RUNQUEUE + SERVING, (runnable - used) * elapsed * share);
      counters.add(STARVED, elapsed);
    }
    this.#virtual += (used * elapsed) / this.#jobs.length;
    return used;
  }

  #runnable(): number {
    return Math.min(this.#jobs.length, this.parallel);
  }

  #changed(now: number): void {
    if (this.#isStopped) return;
    if (this.#jobs.length === 0) this.#virtual = 0;
    this.onWant?.(now);
    this.#plan(now);
  }

  /** Sets the time at which something changes next by itself. */
  #plan(now: number): void {
    const first = this.#jobs[0];
    if (first === undefined) {
      this.events.cancel(this.#id);
      return;
    }
    if (this.#throttled) {
      this.events.set(this.#id, this.#periodEnd);
      return;
    }
    const used = Math.min(this.#runnable(), this.#cores);
    let next = now + (Math.max(0, first.finish - this.#virtual) * this.#jobs.length) / used;
    if (this.quota !== Infinity) {
      const exhausted = now + this.#quotaLeft / used;
      if (exhausted < this.#periodEnd) next = Math.min(next, exhausted);
      else if (used > this.quota) next = Math.min(next, this.#periodEnd);
    }
    this.events.set(this.#id, next);
  }

  #push(job: Job): void {
    const jobs = this.#jobs;
    let place = jobs.length;
    while (place > 0) {
      const parent = (place - 1) >> 1;
      if (jobs[parent]!.finish <= job.finish) break;
      jobs[place] = jobs[parent]!;
      place = parent;
    }
    jobs[place] = job;
  }

  #pop(): Job {
    const jobs = this.#jobs;
    const top = jobs[0]!;
    const last = jobs.pop()!;
    if (top.serving) this.#serving--;
    if (jobs.length === 0) return top;
    let place = 0;
    for (let child = 1; child < jobs.length; child = 2 * place + 1) {
      if (child + 1 < jobs.length && jobs[child + 1]!.finish < jobs[child]!.finish) child++;
      if (jobs[child]!.finish >= last.finish) break;
      jobs[place] = jobs[child]!;
      place = child;
    }
    jobs[place] = last;
    return top;
  }
}
