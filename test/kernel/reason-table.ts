import { expect } from 'chai';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { REASONS } from '../../native/index.js';
import type { Probes, Reason } from '../../native/index.js';
import { Sandbox, blocked, describeStates, difference } from './harness.js';
import { hasLegacy } from './mounts.js';
import { useKernel } from './suite.js';
import type { Group, StateSeconds, Workload } from './harness.js';

/** One row of the truth table: a workload and the reason why its threads are blocked. */
export interface Row {
  readonly workload: string;
  readonly reason: Reason;
  /** Reasons of other threads that the runtime keeps. */
  readonly otherThreads?: readonly Reason[];
  /** True if it keeps CPUs busy; it runs after the workloads that wait. */
  readonly computes?: boolean;
  /** Bytes of memory beyond which the workload is held up. */
  readonly memory?: number;
  /** Controller of cgroup v1 that the workload needs. */
  readonly legacy?: string;
  /** Program of the truth Makefile that is built only if the runtime's compiler is installed. */
  readonly program?: string;
  /** Starts the workload inside the group, and its peers in groups of their own. */
  readonly start: (group: Group, sandbox: Sandbox) => Promise<Workload>;
}

interface Measured {
  readonly states: StateSeconds;
  /** Seconds of waiting by the workload's own account; undefined if it does not report any. */
  readonly waited: number | undefined;
}

interface Running {
  readonly row: Row;
  readonly slot: number;
  readonly reports: Report[];
}

/** Printed after each wait: its end in Unix seconds, and the seconds of all waits so far. */
interface Report {
  readonly at: number;
  readonly waited: number;
}

const WINDOW_MS = 3_000;
const PAUSE_MS = 300;
const REPORT_TIMEOUT_MS = 5_000;
const START_TIMEOUT_MS = 60_000;
/** Share of the blocked time that must have the true reason, and share that may have none. */
const SHARE = 0.95;
const OTHER_SHARE = 0.01;

/**
 * Defines one test per row. The rows that wait run at once, then the rows that compute, each in a cgroup of its own: the
 * reason why a thread is blocked does not depend on how long it then waits for a CPU.
 */
export function testTruth(rows: readonly Row[]): void {
  const kernel = useKernel({ maxContainers: 128 });
  const measured = new Map<Row, Measured | Error>();
  for (const computes of [false, true]) {
    let sandbox: Sandbox | undefined;
    before(async function () {
      this.timeout(START_TIMEOUT_MS + WINDOW_MS + REPORT_TIMEOUT_MS);
      sandbox = new Sandbox();
      const wave = rows.filter((row) => (row.computes ?? false) === computes && !isMissing(row));
      const running = await startAll(wave, sandbox, kernel.probes, measured);
      await sleep(PAUSE_MS);
      await measureAll(running, kernel.probes, measured);
      await sandbox.stop();
    });
    after(async () => {
      await sandbox?.dispose();
    });
  }

  for (const row of rows) {
    it(`${row.workload}: ${row.reason}`, function () {
      if (row.legacy !== undefined && !hasLegacy(row.legacy)) this.skip();
      if (isMissing(row)) {
        process.stderr.write(
          `SKIPPED: ${row.workload}: ${row.program!} could not be built, a tool is not installed\n`,
        );
        if (process.env.KERNSCALE_ALLOW_SKIP !== '1') throw new Error('run `npm run setup -- --test`');
        this.skip();
      }
      const result = measured.get(row)!;
      if (result instanceof Error) throw result;
      check(row, result);
    });
  }
}

function isMissing({ program, legacy }: Row): boolean {
  if (legacy !== undefined && !hasLegacy(legacy)) return true;
  return program !== undefined && !existsSync(join(import.meta.dirname, 'build', program));
}

/** Starts the workloads at once; one that cannot start fails only its own row. */
async function startAll(
  rows: readonly Row[],
  sandbox: Sandbox,
  probes: Probes,
  failed: Map<Row, Measured | Error>,
): Promise<Running[]> {
  const running: Running[] = [];
  const start = async (row: Row): Promise<void> => {
    const group = sandbox.group(undefined, undefined, row.memory);
    const slot = probes.track(group.id);
    const reports: Report[] = [];
    void collect(await row.start(group, sandbox), reports);
    running.push({ row, slot, reports });
  };
  await Promise.all(rows.map((row) => start(row).catch((error: unknown) => failed.set(row, error as Error))));
  return running;
}

/** Collects the reports of a workload until it ends. */
async function collect(workload: Workload, reports: Report[]): Promise<void> {
  for (;;) {
    const line = await workload.line().catch(() => '');
    if (line === '') return;
    const [, at, waited] = line.split(' ').map(Number);
    reports.push({ at: at!, waited: waited! });
  }
}

async function measureAll(
  running: readonly Running[],
  probes: Probes,
  measured: Map<Row, Measured | Error>,
): Promise<void> {
  const read = () => {
    const { containers } = probes.read();
    const states = new Map(containers.map(({ slot, stateSeconds }) => [slot, stateSeconds]));
    return { states, at: Date.now() / 1000 };
  };
  const first = read();
  await sleep(WINDOW_MS);
  const last = read();
  const deadline = performance.now() + REPORT_TIMEOUT_MS;
  for (const { reports } of running) await reportAfter(reports, last.at, deadline);
  for (const { row, slot, reports } of running) {
    const states = difference(last.states.get(slot)!, first.states.get(slot)!);
    try {
      const waited =
        reports.length === 0 ? undefined : waitedAt(reports, last.at) - waitedAt(reports, first.at);
      measured.set(row, { states, waited });
    } catch (error) {
      measured.set(row, error as Error);
    }
  }
}

/** Waits for the report of a wait in flight at that instant, unless the workload reports none. */
async function reportAfter(reports: readonly Report[], at: number, deadline: number): Promise<void> {
  while (reports.length > 0 && reports.at(-1)!.at < at && performance.now() < deadline) await sleep(10);
}

/** Seconds waited up to an instant, including a part of the wait in flight then. */
function waitedAt(reports: readonly Report[], at: number): number {
  const next = reports.findIndex((report) => report.at >= at);
  if (next < 1) throw new Error('the workload did not report around the window');
  const [from, to] = [reports[next - 1]!, reports[next]!];
  return from.waited + ((to.waited - from.waited) * (at - from.at)) / (to.at - from.at);
}

function check({ reason, otherThreads = [] }: Row, { states, waited }: Measured): void {
  const description = `${describeStates(states)}${waited === undefined ? '' : `; waited ${waited.toFixed(3)}`}`;
  const time = REASONS.filter((each) => !otherThreads.includes(each)).reduce(
    (sum, each) => sum + states[each],
    0,
  );
  expect(states[reason], description).to.be.above(0);
  expect(states[reason] / time, description).to.be.at.least(SHARE);
  expect(states.other / blocked(states), description).to.be.at.most(OTHER_SHARE);
  if (waited === undefined) return;
  // By the workload's account a wait includes the CPU time at its start and the wait for a CPU at its end.
  const cpu = states.oncpu + states.runqueue + states.throttled;
  expect(states[reason], description).to.be.within(SHARE * (waited - cpu), waited / SHARE);
}
