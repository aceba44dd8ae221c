import pLimit from 'p-limit';
import { ExporterProcess } from './exporter-process.js';
import { buildTruth, requireKernel, Sandbox } from './harness.js';
import { Verdict } from './protocols/judge.js';
import { Rows, type Measured } from './protocols/measure.js';
import { TABLE } from './protocols/table.js';

const TABLE_MS = 300_000;
/** Rows at once: they mostly wait. */
const AT_ONCE = 4;

describe('requests, compared with what clients count themselves', () => {
  const measured = new Map<string, Measured | Error>();
  const variant = (protocol: string, delayed: boolean) =>
    `${protocol}${delayed ? ', one message in 150 delayed' : ''}`;
  /** A part of the table, for development. */
  const only = new RegExp(process.env.KERNSCALE_ROWS ?? '');
  const table = TABLE.filter(({ protocol }) => only.test(protocol));
  let sandbox: Sandbox | undefined;
  let exporter: ExporterProcess | undefined;

  before(async function () {
    requireKernel(() => {
      this.skip();
    });
    this.timeout(TABLE_MS);
    buildTruth();
    sandbox = new Sandbox();
    exporter = new ExporterProcess(['--source', 'host', '--histograms.detail']);
    const rows = new Rows(sandbox, await exporter.url());
    const limit = pLimit(AT_ONCE);
    await Promise.all(
      table.map((row) =>
        limit(() => rows.run(row, (delayed, result) => measured.set(variant(row.protocol, delayed), result))),
      ),
    );
  });
  after(async () => {
    await exporter?.stop('SIGKILL');
    await sandbox?.dispose();
  });

  for (const row of table)
    for (const delayed of row.clean === true ? [false] : [false, true])
      it(variant(row.protocol, delayed), () => {
        const result = measured.get(variant(row.protocol, delayed))!;
        if (result instanceof Error) throw result;
        const verdict = new Verdict(row, result);
        if (verdict.faults.length > 0) throw new Error(verdict.toString());
      });
});
