import pLimit from 'p-limit';
import { ExporterProcess } from './exporter-process.js';
import { buildTruth, requireKernel, Sandbox } from './harness.js';
import { Verdict } from './protocols/judge.js';
import { Rows, type Results } from './protocols/measure.js';
import type { Row } from './protocols/row.js';
import { TABLE } from './protocols/table.js';

const START_MS = 120_000;
/** A quiet machine with two CPUs takes three minutes for the table. */
const TABLE_MS = 900_000;
/** Rows at once: they mostly wait. */
const AT_ONCE = 4;

describe('requests, compared with what clients count themselves', () => {
  /** A part of the table, for development. */
  const only = new RegExp(process.env.KERNSCALE_ROWS ?? '');
  const table = TABLE.filter(({ protocol }) => only.test(protocol));
  const limit = pLimit(AT_ONCE);
  const running = new Map<Row, Promise<Results>>();
  let sandbox: Sandbox | undefined;
  let exporter: ExporterProcess | undefined;

  before(async function () {
    requireKernel(() => {
      this.skip();
    });
    this.timeout(START_MS);
    buildTruth();
    sandbox = new Sandbox();
    exporter = new ExporterProcess(['--source', 'host', '--histograms.detail']);
    const rows = new Rows(sandbox, await exporter.url());
    for (const row of table)
      running.set(
        row,
        limit(() => rows.run(row)),
      );
  });
  after(async function () {
    this.timeout(START_MS);
    limit.clearQueue();
    await exporter?.stop('SIGKILL');
    await sandbox?.dispose();
  });

  for (const row of table)
    for (const delayed of row.clean === true ? [false] : [false, true])
      it(`${row.protocol}${delayed ? ', one message in 150 delayed' : ''}`, async function () {
        this.timeout(TABLE_MS);
        const result = (await running.get(row)!).get(delayed)!;
        if (result instanceof Error) throw result;
        const verdict = new Verdict(row, result);
        if (verdict.faults.length > 0) throw new Error(verdict.toString());
      });
});
