import { expect } from 'chai';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { REASONS } from '../../native/index.js';
import type { Probes, Reason } from '../../native/index.js';
import { Sandbox, blocked, describeStates, difference } from './harness.js';
import { useKernel } from './suite.js';
import type { Group, StateSeconds, Workload } from './harness.js';

/** One line of the table of truth: a workload, and the reason for which its threads are blocked. */
export interface Row {
  readonly workload: string;
  readonly reason: Reason;
  /** Reasons of threads that a runtime keeps beside the one that the row is about. */
  readonly beside?: readonly Reason[];
  /** It keeps CPUs busy: it runs when those that wait are done. */
  readonly computes?: boolean;
  /** What runs the workload where it has to be installed, by the name of the program that the truth Makefile makes. */
  readonly program?: string;
  /** Starts the workload inside the group, and its peers in groups of their own. */
  readonly start: (group: Group, sandbox: Sandbox) => Promise<Workload>;
}

interface Measured {
  readonly states: StateSeconds;
  /** Seconds that the workload says it waited meanwhile; undefined where it does nothing else. */
  readonly waited: number | undefined;
}

interface Running {
  readonly row: Row;
  readonly slot: number;
  readonly reports: Report[];
}

/** After each wait: when it ended, in Unix seconds, and the seconds of all waits so far. */
interface Report {
  readonly at: number;
  readonly waited: number;
}

const WINDOW_MS = 3_000;
const PAUSE_MS = 300;
const START_TIMEOUT_MS = 60_000;
/** Of the time blocked, what must be under the true reason, and what may be under none. */
const SHARE = 0.95;
const OTHER_SHARE = 0.01;

/**
 * One test per row. Those that compute run at once, and so do the others, each in a cgroup of its own: what a row is
 * about is why its threads are blocked, which does not depend on how long they then wait for a CPU.
 */
export function testTruth(rows: readonly Row[]): void {
  const kernel = useKernel({ maxContainers: 128 });
  const measured = new Map<Row, Measured | Error>();
  for (const computes of [false, true]) {
    let sandbox: Sandbox | undefined;
    before(async function () {
      this.timeout(START_TIMEOUT_MS + WINDOW_MS);
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

function isMissing({ program }: Row): boolean {
  return program !== undefined && !existsSync(join(import.meta.dirname, 'build', program));
}

/** All at once; what fails to start fails its own row alone. */
async function startAll(
  rows: readonly Row[],
  sandbox: Sandbox,
  probes: Probes,
  failed: Map<Row, Measured | Error>,
): Promise<Running[]> {
  const running: Running[] = [];
  const start = async (row: Row): Promise<void> => {
    const group = sandbox.group();
    const slot = probes.track(group.id);
    const reports: Report[] = [];
    void collect(await row.start(group, sandbox), reports);
    running.push({ row, slot, reports });
  };
  await Promise.all(rows.map((row) => start(row).catch((error: unknown) => failed.set(row, error as Error))));
  return running;
}

/** Until the workload is ended, which is no error here: the test judges what it had said by then. */
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
  await sleep(PAUSE_MS); // for reports of waits that were going on
  for (const { row, slot, reports } of running) {
    const waited =
      reports.length === 0 ? undefined : waitedAt(reports, last.at) - waitedAt(reports, first.at);
    measured.set(row, { states: difference(last.states.get(slot)!, first.states.get(slot)!), waited });
  }
}

/** Seconds waited up to an instant, a wait that was going on then counting in part. */
function waitedAt(reports: readonly Report[], at: number): number {
  const next = reports.findIndex((report) => report.at >= at);
  if (next < 1) throw new Error('the workload did not report around the window');
  const [from, to] = [reports[next - 1]!, reports[next]!];
  return from.waited + ((to.waited - from.waited) * (at - from.at)) / (to.at - from.at);
}

function check({ reason, beside = [] }: Row, { states, waited }: Measured): void {
  const description = `${describeStates(states)}${waited === undefined ? '' : `; waited ${waited.toFixed(3)}`}`;
  const time = REASONS.filter((each) => !beside.includes(each)).reduce((sum, each) => sum + states[each], 0);
  expect(states[reason], description).to.be.above(0);
  expect(states[reason] / time, description).to.be.at.least(SHARE);
  expect(states.other / blocked(states), description).to.be.at.most(OTHER_SHARE);
  if (waited === undefined) return;
  // A wait as the workload sees it ends when the thread is back on a CPU, and has begun with work on one.
  const cpu = states.oncpu + states.runqueue + states.throttled;
  expect(states[reason], description).to.be.within(SHARE * (waited - cpu), waited / SHARE);
}
