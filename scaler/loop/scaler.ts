import pLimit from 'p-limit';
import { errorMessage, KernscaleError } from '../../common/errors.js';
import type { Logger } from '../../common/log.js';
import { monotonic } from '../../common/monotonic.js';
import type { EventWriter, WorkloadEvent } from '../kubernetes/events.js';
import type { ScaleClient } from '../kubernetes/scale.js';
import type { RuleGroup } from '../rules/types.js';
import { applyAndRecord } from './apply.js';
import type { AuditLog } from './audit-log.js';
import { assign } from './assignments.js';
import type { ScalerMetrics } from './metrics.js';
import { isChange, toEvent, type DecisionRecord } from './record.js';
import { runRound, type Decided, type RoundSources } from './round.js';
import { RoundEvents } from './round-events.js';
import { RoundHealth } from './round-health.js';

/** Scale requests to the API server at once. */
const MAX_CONCURRENT_SCALES = 8;
/** Seconds for the scale requests of a round; what has not begun by then is left to the next round. */
const SCALES_SECONDS = 10;

export interface ScalerOptions extends RoundSources {
  readonly scales: Pick<ScaleClient, 'get' | 'set'>;
  readonly events: Pick<EventWriter, 'write'>;
  readonly metrics: ScalerMetrics;
  /** True if this process may change replicas; one that may not still decides, to be ready. */
  readonly leads: () => boolean;
  readonly audit?: Pick<AuditLog, 'write'>;
  /** Persists the histories; called before replicas are changed, and at the end of every round. */
  readonly keep?: () => Promise<void>;
  readonly log: Logger;
}

interface RunningGroup {
  readonly ticker: Ticker;
  readonly name: string;
  readonly health: RoundHealth;
  readonly events: RoundEvents;
  interval: number;
  problems: readonly string[];
  /** True if this process led in the last round. */
  led: boolean;
}

/** Runs every group at its own interval: observes, decides, scales and records. */
export class Scaler {
  readonly #limit = pLimit(MAX_CONCURRENT_SCALES);
  readonly #running = new Map<string, RunningGroup>();
  #groups: readonly RuleGroup[] = [];

  constructor(private readonly options: ScalerOptions) {}

  /** Replaces the groups from their next rounds on; the state of workloads stays. */
  use(groups: readonly RuleGroup[]): void {
    this.#groups = groups;
    for (const [key, { ticker }] of this.#running) {
      if (groups.some((group) => keyOf(group) === key)) continue;
      void ticker.stop();
      this.#running.delete(key);
    }
    for (const group of groups) {
      const running = this.#running.get(keyOf(group)) ?? this.#newGroup(group);
      if (running.interval !== group.interval) running.ticker.start(group.interval);
      running.interval = group.interval;
    }
  }

  /** One sentence for each problem that hides data from a group, or keeps its rounds from ending. */
  problems(): string[] {
    return [...this.#running.values()].flatMap(({ name, problems, health }) =>
      [...health.problems(), ...problems].map((problem) => `Group "${name}": ${problem}.`),
    );
  }

  /** A sentence, if a group has had no successful round for too long. */
  unready(): string | undefined {
    for (const { name, health, interval } of this.#running.values()) {
      const reason = health.unready(interval);
      if (reason !== undefined) return `Group "${name}": ${reason}.`;
    }
    return undefined;
  }

  /** Resolves once the running rounds have ended. */
  async stop(): Promise<void> {
    await Promise.all([...this.#running.values()].map(({ ticker }) => ticker.stop()));
  }

  #newGroup(group: RuleGroup): RunningGroup {
    const key = keyOf(group);
    const { name } = group;
    const health = new RoundHealth(monotonic);
    const events = new RoundEvents(name, monotonic, (event) => {
      this.#write(event);
    });
    const ticker = new Ticker(
      () => this.#round(key),
      () => {
        this.options.metrics.roundMissed(name);
        if (health.late()) this.options.log.warn({ group: name }, 'the round is late');
        events.tell(health);
      },
    );
    const running = { ticker, name, health, events, interval: 0, problems: [], led: false };
    this.#running.set(key, running);
    return running;
  }

  /** A defect in one round must not end the others, so nothing is thrown from here. */
  async #round(key: string): Promise<void> {
    const { metrics, log } = this.options;
    const group = this.#groups.find((candidate) => keyOf(candidate) === key);
    const running = this.#running.get(key);
    if (!group || !running) return;
    const { health, events } = running;
    const started = monotonic();
    health.begin();
    try {
      await this.#roundOf(group, running);
      health.end();
      metrics.roundSucceeded(group.name, this.options.clock());
    } catch (error) {
      const failure = errorMessage(error);
      health.end(failure);
      metrics.roundFailed(group.name);
      log.error({ group: group.name, error: failure }, 'the round failed');
    }
    events.tell(health);
    metrics.roundEnded(group.name, monotonic() - started);
  }

  async #roundOf(group: RuleGroup, running: RunningGroup): Promise<void> {
    const { events, led } = running;
    const workloads = this.options.cluster.workloads();
    const assignments = assign(this.#groups, workloads);
    const own = [...assignments.values()].filter((assignment) => assignment.group === group);
    events.concern(
      own.map(({ rule }) => rule.scaleTargetRef),
      workloads,
    );
    running.led = this.options.leads();
    const follows = !led || !running.led;
    const result = await runRound(group, assignments, { ...this.options, follows });
    await this.#foresee(result.decisions);
    const deadline = AbortSignal.timeout(SCALES_SECONDS * 1000);
    const acts = result.decisions.map((decided) => this.#limit(() => this.#act(decided, deadline)));
    const acted = await Promise.allSettled(acts);
    const failed = acted.find((act) => act.status === 'rejected');
    this.#forget((key) => assignments.has(key) && !result.gone.has(key));
    this.#report(keyOf(group), result.problems);
    await this.options.keep?.();
    if (!failed) return;
    const refused = result.decisions.filter((_, index) => acted[index]!.status === 'rejected');
    events.concern(refused.map(({ assignment }) => assignment.rule.scaleTargetRef));
    throw failed.reason;
  }

  /**
   * Persists the changes to come as if they were done: a process that is killed between a write and its record would begin
   * again within the period of a policy.
   */
  async #foresee(decisions: readonly Decided[]): Promise<void> {
    const { histories, keep, leads } = this.options;
    const changes = decisions.filter(
      ({ assignment: { rule }, decision: { replicas, trace } }) =>
        !rule.dryRun && replicas !== trace.currentReplicas,
    );
    if (!keep || changes.length === 0 || !leads()) return;
    for (const { assignment, decision } of changes)
      histories.set(assignment.key, assignment.rule, decision.history);
    await keep();
  }

  async #act(decided: Decided, deadline: AbortSignal): Promise<void> {
    try {
      await this.#scaleAndRecord(decided, deadline);
    } catch (cause) {
      throw new KernscaleError('INTERNAL', `cannot act on ${decided.assignment.key}`, { cause });
    }
  }

  async #scaleAndRecord(decided: Decided, deadline: AbortSignal): Promise<void> {
    const { assignment, uid } = decided;
    const { metrics, leads, audit } = this.options;
    const sources = { ...this.options, scales: begunBefore(deadline, this.options.scales) };
    const { record, previous } = await applyAndRecord(decided, sources, leads());
    metrics.decided(record);
    audit?.write(record, previous);
    if (isChange(record, previous)) this.#log(record);
    const event = toEvent(record, previous);
    if (event) this.#write({ target: assignment.rule.scaleTargetRef, uid, ...event });
  }

  /** Writes an Event if this process leads; one that fails is no failure of a round. */
  #write(event: Omit<WorkloadEvent, 'at'>): void {
    const { events, leads, clock, log } = this.options;
    if (!leads()) return;
    events.write({ ...event, at: clock() }).catch((error: unknown) => {
      log.debug({ error: errorMessage(error) }, 'event not written');
    });
  }

  #log(record: DecisionRecord): void {
    const {
      namespace,
      workload,
      currentReplicas: from,
      replicas: to,
      class: workloadClass,
      outcome,
      error,
    } = record;
    const fields = { namespace, workload, from, to, class: workloadClass, outcome, reason: record.reason };
    if (error) this.options.log.warn({ ...fields, ...error }, 'not scaled');
    else this.options.log.info(fields, record.applied ? 'scaled' : 'decided');
  }

  #forget(keep: (workload: string) => boolean): void {
    const { cluster, records, histories, metrics } = this.options;
    for (const record of records.retain(keep)) metrics.forget(record);
    // Before the first sync, the workloads that fleet rules match are unknown.
    if (cluster.knowsWorkloads ?? cluster.synced) histories.retain(keep);
  }

  #report(key: string, problems: readonly string[]): void {
    const running = this.#running.get(key);
    if (!running) return;
    const { name } = running;
    for (const problem of problems) {
      if (!running.problems.includes(problem)) this.options.log.warn({ group: name }, problem);
    }
    if (running.problems.length > 0 && problems.length === 0) {
      this.options.log.info({ group: name }, 'all data is available again');
    }
    running.problems = problems;
  }
}

/** A scale client that begins nothing after the deadline; what has begun ends by its own time-out. */
function begunBefore(deadline: AbortSignal, scales: ScalerOptions['scales']): ScalerOptions['scales'] {
  return {
    get: async (target) => {
      if (!deadline.aborted) return scales.get(target);
      const message = `the scale requests of the round took more than ${SCALES_SECONDS} s; the next round decides again`;
      throw new KernscaleError('ROUND_LATE', message);
    },
    set: (target, replicas, version) => scales.set(target, replicas, version),
  };
}

/** Group names are unique in a file only, as in Prometheus. */
function keyOf({ file, name }: RuleGroup): string {
  return `${file}/${name}`;
}

/**
 * Runs a round at once and then at every interval. Rounds never overlap: while one is running, the next ones are
 * skipped and reported.
 */
export class Ticker {
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<void> | undefined;

  constructor(
    private readonly round: () => Promise<void>,
    private readonly missed: () => void,
  ) {}

  /** Starts, or continues with another interval. @param interval seconds */
  start(interval: number): void {
    clearInterval(this.#timer);
    this.#timer = setInterval(() => {
      this.#tick();
    }, interval * 1000);
    if (!this.#running) this.#tick();
  }

  /** Starts no further round; resolves once the running one has ended. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.#running;
  }

  #tick(): void {
    if (this.#running) {
      this.missed();
      return;
    }
    this.#running = this.round().finally(() => {
      this.#running = undefined;
    });
  }
}
