import { decideRound, explained } from '../core/decide-round.js';
import type { Decision } from '../core/decision.js';
import { recordScaling } from '../core/history.js';
import { parseKey, type ScaleTargetRef, type WorkloadKey } from '../core/types.js';
import { oncePer } from '../../common/once.js';
import { assign, type Assignment } from '../loop/assignments.js';
import { freshnessSelectors, missingSource } from '../promql/freshness.js';
import { Histories } from '../loop/histories.js';
import { roundInput, type Observations } from '../loop/round-input.js';
import { absentTable, queriedSignals, type SignalTable } from '../loop/signals.js';
import { toldSignals } from '../loop/told.js';
import type { WindowTable } from '../loop/windows.js';
import type { Grid } from '../promql/range.js';
import type { WindowPart } from '../promql/windows.js';
import type { RuleGroup, WindowQueries } from '../rules/types.js';
import type { Evaluated, EvaluatedChunk, Requested } from './evaluator/evaluator.js';
import { Column, signalTable, type Cursor, type PeersAt } from './recording.js';
import { Timeline, UNKNOWN } from './timeline.js';

/** The signal, and the measure in the part of a window that is named next. */
const PODS = 'pods';
const THREADS = 'threads' satisfies WindowPart;

/** A part of the past. */
export interface Chunk extends EvaluatedChunk {
  readonly grid: Grid;
  /** Actual replicas. */
  readonly actual: Evaluated;
  /** By the index of a step in this chunk. */
  readonly peersAt: PeersAt;
}

export type LabelsByWorkload = ReadonlyMap<WorkloadKey, Readonly<Record<string, string>>>;

/** Expressions and selectors that the groups' rounds query. */
export function requestedBy(groups: readonly RuleGroup[]): Requested {
  const expressions = groups.flatMap(({ signals, windows: { recent, settled } }) =>
    [queriedSignals(signals), recent.parts, settled.parts].flatMap((queries) =>
      Object.values(queries).map(({ expr }) => expr),
    ),
  );
  return { expressions: new Set(expressions), selectors: new Set(expressions.flatMap(freshnessSelectors)) };
}

/**
 * Runs the rules over the past, chunk by chunk, with a round of every group at every step.
 *
 * Open loop: each decision starts from the replicas proposed before, not from the actual ones, and the load is the
 * recorded one. Signals are totals of a workload, so they hold for any number of replicas; the number of measured pods
 * is shifted by the difference between proposed and actual replicas.
 */
export class Replay {
  readonly #histories = new Histories();
  readonly #replicas = new Map<WorkloadKey, number>();
  readonly #timelines = new Map<WorkloadKey, Timeline>();
  readonly #workloads = new Set<WorkloadKey>();
  #assignments: ReadonlyMap<WorkloadKey, Assignment> = new Map();
  /** Steps that are done. */
  #done = 0;

  /**
   * @param groups without label selectors, unless the labels of workloads are given
   * @param length steps of all chunks together
   * @param wanted selects the workloads to decide on
   * @param asItWas receives every decision, each of which then starts from the actual replicas: their changes are
   *   remembered as if they had been decisions
   */
  constructor(
    private readonly groups: readonly RuleGroup[],
    private readonly length: number,
    private readonly wanted: (workload: WorkloadKey) => boolean,
    private readonly asItWas?: (assignment: Assignment, decision: Decision) => void,
    private readonly labels: LabelsByWorkload = new Map(),
  ) {}

  /** Workloads that a rule names, or matches and Prometheus has data for. */
  workloads(): WorkloadKey[] {
    return [...this.#timelines.keys()];
  }

  /** Sorted by workload. */
  timelines(): Timeline[] {
    return [...this.#timelines.values()].sort((a, b) => a.workload.localeCompare(b.workload));
  }

  run(chunk: Chunk): void {
    const { from, step, count } = chunk.grid;
    const cursor = { index: 0, at: from };
    const columns = oncePer((found: Evaluated) => new Column('series' in found ? found.series : [], cursor));
    const actual = columns(chunk.actual);
    this.#assign(actual.everyWorkload());
    const rounds = this.groups.map((group) => ({
      own: [...this.#assignments.values()].filter((assigned) => assigned.group === group),
      ...this.#tables(group, chunk, columns, cursor),
    }));
    for (; cursor.index < count; cursor.index++, this.#done++) {
      cursor.at = from + cursor.index * step;
      this.#note(actual, cursor.at);
      for (const { own, signals, windows } of rounds) {
        const observed = { signals, windows: { ...windows, now: cursor.at } };
        this.#round(own, observed, chunk.peersAt, cursor);
      }
    }
  }

  #assign(seen: readonly WorkloadKey[]): void {
    for (const key of seen) this.#workloads.add(key);
    const kinds = apiVersions(this.groups);
    const workloads = [...this.#workloads].filter(this.wanted).flatMap((key) => {
      const id = parseKey(key);
      if (!id) return [];
      return [...(kinds.get(id.kind) ?? [])].map((apiVersion) => ({
        ref: { apiVersion, ...id },
        uid: '',
        labels: this.labels.get(key) ?? {},
        replicas: 0,
      }));
    });
    const assignments = [...assign(this.groups, workloads)].filter(([key]) => this.wanted(key));
    this.#assignments = new Map(assignments);
    for (const [key, { group, rule }] of assignments) {
      if (this.#timelines.has(key)) continue;
      const { scale, minReplicas, maxReplicas } = rule;
      const timeline = new Timeline(key, group.name, scale, minReplicas, maxReplicas, this.length);
      this.#timelines.set(key, timeline);
    }
  }

  #tables(group: RuleGroup, chunk: Chunk, columns: (found: Evaluated) => Column, cursor: Cursor) {
    const actual = columns(chunk.actual);
    const tableOf = (name: string, expr: string): SignalTable => {
      const found = chunk.values.get(expr)!;
      const ages = freshnessSelectors(expr).map((selector) => chunk.sampleTimes.get(selector)!);
      const partial = [found, ...ages].find((one) => 'partial' in one);
      if (partial) return absentTable({ absent: 'partial', text: partial.partial });
      const [values, ...times] = [found, ...ages].map(columns);
      const table = signalTable(values!, times, missingSource(expr), cursor, this.#assignments);
      return this.#asIfProposed(name, table, actual);
    };
    const tablesOf = <Name extends string>(queries: Readonly<Record<Name, { readonly expr: string }>>) => {
      const names = Object.keys(queries) as Name[];
      return new Map(names.map((name) => [name, tableOf(name, queries[name].expr)]));
    };
    const windowOf = <Part extends WindowPart>(window: WindowQueries<Part>): WindowTable => ({
      ...window,
      parts: tablesOf(window.parts),
    });
    const { recent, settled } = group.windows;
    const windows = { recent: windowOf(recent), settled: windowOf(settled) };
    const told = toldSignals(group.signals, windows.settled.parts);
    return { signals: new Map([...told, ...tablesOf(queriedSignals(group.signals))]), windows };
  }

  /** Keeps the number of pods that are not measured yet, for the proposed number of pods. */
  #asIfProposed(name: string, table: SignalTable, actual: Column): SignalTable {
    if (name !== PODS && name !== THREADS) return table;
    return {
      ...table,
      samples: (workload) => {
        const replicas = actual.get(workload);
        if (replicas === undefined) return [];
        const more = (this.#replicas.get(workload) ?? replicas) - replicas;
        return table
          .samples(workload)
          .map((sample) =>
            (sample.measure ?? name) === PODS
              ? { ...sample, value: Math.max(0, sample.value + more) }
              : sample,
          );
      },
    };
  }

  /** Records the actual replicas; a workload starts from those at its first step with data. */
  #note(actual: Column, at: number): void {
    for (const [key, timeline] of this.#timelines) {
      const replicas = actual.get(key);
      if (replicas === undefined || !Number.isFinite(replicas)) continue;
      timeline.actual[this.#done] = Math.round(replicas);
      const before = this.#replicas.get(key);
      if (before === undefined) this.#replicas.set(key, Math.round(replicas));
      else if (this.asItWas) this.#follow(key, before, Math.round(replicas), at);
    }
  }

  #follow(key: WorkloadKey, before: number, replicas: number, at: number): void {
    const rule = this.#assignments.get(key)?.rule;
    if (!rule || before === replicas) return;
    const history = recordScaling(this.#histories.get(key, rule), rule.behavior, before, replicas, at);
    this.#histories.set(key, rule, history);
    this.#replicas.set(key, replicas);
  }

  #round(
    own: readonly Assignment[],
    observed: Pick<Observations, 'signals' | 'windows'>,
    peersAt: PeersAt,
    { index, at }: Cursor,
  ): void {
    const replicas = (key: WorkloadKey): number | undefined => this.#replicas.get(key);
    const observations = { ...observed, resolve: peersAt(index), replicas };
    const targets = own.map(({ key }) => key).filter((key) => this.#replicas.has(key));
    const input = roundInput(observations, this.#assignments, this.#histories, targets);
    for (const [key, decision] of decideRound(input, at)) this.#apply(this.#assignments.get(key)!, decision);
  }

  #apply(assignment: Assignment, decision: Decision): void {
    const { key, rule } = assignment;
    const { replicas, class: workloadClass, trace } = decision;
    if (this.asItWas) {
      this.#histories.set(key, rule, decision.historyIfNotApplied);
      this.asItWas(assignment, decision);
      return;
    }
    const timeline = this.#timelines.get(key)!;
    const index = this.#done;
    const from = trace.currentReplicas;
    this.#histories.set(key, rule, decision.history);
    this.#replicas.set(key, replicas);
    timeline.proposed[index] = replicas;
    timeline.setClass(index, workloadClass);
    if (timeline.actual[index] === UNKNOWN || trace.inputs.some(({ absent }) => absent !== undefined)) {
      timeline.gaps[index] = 1;
    }
    if (replicas === from) return;
    const { reason } = explained(rule, decision);
    timeline.changes.push({ at: trace.at, from, to: replicas, class: workloadClass, reason });
  }
}

/** API versions by kind, from the rules that match workloads: Prometheus has kinds only. */
function apiVersions(groups: readonly RuleGroup[]): Map<string, Set<string>> {
  const versions = new Map<string, Set<ScaleTargetRef['apiVersion']>>();
  for (const { rules } of groups) {
    for (const rule of rules) {
      if (!('match' in rule)) continue;
      const { kind, apiVersion } = rule.match;
      versions.set(kind, (versions.get(kind) ?? new Set()).add(apiVersion));
    }
  }
  return versions;
}
