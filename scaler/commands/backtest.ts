import { appendFile, rm, stat, writeFile } from 'node:fs/promises';
import { KernscaleError } from '../../common/errors.js';
import { commandLine, flag, parseFlags, seconds } from '../../common/flags.js';
import { writeJson } from '../backtest/json.js';
import { withPast } from '../backtest/past-thread.js';
import { picture } from '../backtest/picture.js';
import { report } from '../backtest/report.js';
import { backtest as run } from '../backtest/run.js';
import type { Timeline } from '../backtest/timeline.js';
import { parseKey } from '../core/types.js';
import { LONGEST_INTERVAL } from '../core/decide.js';
import type { PrometheusOptions } from '../promql/client.js';
import { prometheusFlags } from '../promql/flags.js';
import type { Grid } from '../promql/range.js';
import type { RuleGroup } from '../rules/types.js';
import { painter } from './paint.js';
import { progressBar } from './progress.js';
import { actualFlag, parseTime, prometheusOf, withoutSelectors, wrong } from './past.js';
import { namesOf } from './target.js';
import { loadRulesOrTell } from './rules.js';

const STEP = 15;
/** Ranges of the past take Prometheus longer than a round's queries. */
const TIMEOUT = 120;
const DEFAULT_COLUMNS = 80;

interface Flags {
  readonly json?: boolean;
  readonly html?: string;
  readonly from?: string;
  readonly to?: string;
  readonly step: number;
  readonly actual: string;
  readonly workload?: readonly string[];
}

/**
 * `kernscale backtest`: what rules would have made of the past.
 *
 * @returns exit status: 0 when it ran on all that was asked for, 1 on errors in files
 * @throws KernscaleError on wrong flags, and when Prometheus does not answer
 */
export async function backtest(argv: readonly string[]): Promise<number> {
  const command = commandLine('kernscale backtest', 'Replay rules over the past')
    .argument('[files...]', 'rule files, folders, or patterns such as rules/*.yaml')
    .option('--from <time>', 'start: 2026-01-31T12:00:00Z, seconds since 1970, or how long ago, as 7d', '1d')
    .option('--to <time>', 'end, likewise; default now')
    .addOption(flag('--step <duration>', 'Time between two rounds of every group', STEP, seconds))
    .addOption(actualFlag())
    .option('--workload <target...>', 'only these workloads: namespace/kind/name, or enough of its end')
    .option('--json', 'print one JSON object with the full series in place of text')
    .option('--html <file>', 'also write a self-contained page that shows the series');
  for (const option of prometheusFlags(TIMEOUT)) command.addOption(option);
  const flags = parseFlags<Flags & Record<string, unknown>>(command, argv);
  if (!flags) return 0;
  const { grid, prometheus } = checkFlags(command.args, flags);
  const groups = await loadRulesOrTell(command.args);
  if (!groups) return 1;
  const unused = flags.html === undefined ? undefined : await tryToWrite(flags.html);
  const timelines = await replay(withoutSelectors(groups), grid, prometheus, flags).catch(
    async (error: unknown) => {
      await unused?.();
      throw error;
    },
  );
  if (flags.html !== undefined) await writePicture(flags.html, picture(timelines, grid));
  if (flags.json) await writeJson(process.stdout, timelines, grid);
  else printText(timelines, grid);
  return 0;
}

/** @throws KernscaleError `BAD_FLAG` */
function checkFlags(
  files: readonly string[],
  flags: Flags & Record<string, unknown>,
): { grid: Grid; prometheus: PrometheusOptions } {
  const { step } = flags;
  if (files.length === 0) {
    throw wrong('no rule files given; for example: kernscale backtest rules/scaling/*.yaml --from=7d');
  }
  const prometheus = prometheusOf(flags);
  if (!(step > 0 && step <= LONGEST_INTERVAL)) {
    throw wrong(`--step must be above 0s and at most ${LONGEST_INTERVAL}s`);
  }
  const now = Date.now() / 1000;
  const [from, to] = [parseTime(flags.from ?? '1d', now), parseTime(flags.to ?? '0s', now)];
  if (!(from < to)) throw wrong('--from must be before --to');
  // On round times, the same range gives the same answer however often it is asked for.
  const start = Math.ceil(from / step) * step;
  return { grid: { from: start, step, count: Math.floor((to - start) / step) + 1 }, prometheus };
}

async function replay(
  groups: readonly RuleGroup[],
  grid: Grid,
  prometheus: PrometheusOptions,
  { actual, workload }: Flags,
): Promise<Timeline[]> {
  const progress = progressBar(process.stderr, 'backtest');
  try {
    return await withPast(prometheus, (ask) =>
      run({
        groups,
        grid,
        actual,
        ask,
        wanted: (key) =>
          workload === undefined || workload.some((target) => namesOf(parseKey(key)).includes(target)),
        onProgress: (done) => {
          progress.show(done);
        },
      }),
    );
  } finally {
    progress.end();
  }
}

/**
 * Makes sure of a file that is written to once all is done, which takes a while.
 *
 * @returns removes it, if it was not there before
 * @throws KernscaleError `CANNOT_WRITE`
 */
async function tryToWrite(file: string): Promise<() => Promise<void>> {
  const found = await stat(file).catch(() => undefined);
  try {
    await appendFile(file, '');
  } catch (cause) {
    throw cannotWrite(file, cause);
  }
  return () => (found ? Promise.resolve() : rm(file));
}

async function writePicture(file: string, page: string): Promise<void> {
  try {
    await writeFile(file, page);
  } catch (cause) {
    throw cannotWrite(file, cause);
  }
  process.stderr.write(`wrote ${file}\n`);
}

function cannotWrite(file: string, cause: unknown): KernscaleError {
  return new KernscaleError('CANNOT_WRITE', `cannot write ${file}`, { cause });
}

function printText(timelines: readonly Timeline[], grid: Grid): void {
  const { isTTY, columns } = process.stdout;
  const width = isTTY ? (columns || DEFAULT_COLUMNS) - 8 : 0;
  process.stdout.write(`${report(timelines, grid, width, painter(process.stdout)).join('\n')}\n`);
}
