import { writeFile } from 'node:fs/promises';
import { parseDuration } from '../../common/duration.js';
import { KernscaleError } from '../../common/errors.js';
import { commandLine, flag, parseFlags, seconds } from '../../common/flags.js';
import { writeJson } from '../backtest/json.js';
import { picture } from '../backtest/picture.js';
import { report } from '../backtest/report.js';
import { ACTUAL, backtest as run } from '../backtest/run.js';
import type { Timeline } from '../backtest/timeline.js';
import { parseKey } from '../core/types.js';
import { LONGEST_INTERVAL } from '../core/decide.js';
import { PrometheusClient, type PrometheusOptions } from '../promql/client.js';
import { prometheusFlags, prometheusOptions } from '../promql/flags.js';
import type { Grid } from '../promql/range.js';
import { checkPromql } from '../rules/promql.js';
import { formatRuleError, loadRuleFiles } from '../rules/load.js';
import type { RuleGroup } from '../rules/types.js';
import { painter } from './paint.js';
import { progressBar } from './progress.js';
import { namesOf } from './target.js';

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
    .option('--actual <promql>', 'replicas that there were, per namespace, workload, workload_kind', ACTUAL)
    .option('--workload <target...>', 'only these workloads: namespace/kind/name, or enough of its end')
    .option('--json', 'print one JSON object with the full series in place of text')
    .option('--html <file>', 'also write a self-contained page that shows the series');
  for (const option of prometheusFlags(TIMEOUT)) command.addOption(option);
  const flags = parseFlags<Flags & Record<string, unknown>>(command, argv);
  if (!flags) return 0;
  const { grid, prometheus } = checkFlags(command.args, flags);
  const { groups, errors } = await loadRuleFiles(command.args);
  if (errors.length > 0) {
    for (const error of errors) process.stderr.write(`${formatRuleError(error)} [${error.code}]\n`);
    return 1;
  }
  warnOfSelectors(groups);
  const timelines = await replay(groups.map(withoutSelectors), grid, prometheus, flags);
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
  const prometheus = prometheusOptions(flags);
  if (!prometheus) throw wrong('--prometheus.url must say which Prometheus knows the past');
  const fault = checkPromql(flags.actual);
  if (fault) throw wrong(`--actual: ${fault.message}`);
  if (!(step > 0 && step <= LONGEST_INTERVAL)) {
    throw wrong(`--step must be above 0s and at most ${LONGEST_INTERVAL}s`);
  }
  const now = Date.now() / 1000;
  const [from, to] = [time(flags.from ?? '1d', now), time(flags.to ?? '0s', now)];
  if (!(from < to)) throw wrong('--from must be before --to');
  // On round times, the same range gives the same answer however often it is asked for.
  const start = Math.ceil(from / step) * step;
  return { grid: { from: start, step, count: Math.floor((to - start) / step) + 1 }, prometheus };
}

/** Reads a time in seconds since 1970, or how long ago it was. */
function time(text: string, now: number): number {
  if (/^\d{9,}(\.\d+)?$/.test(text)) return Number(text);
  const date = /^\d{4}-\d\d-\d\d/.test(text) ? Date.parse(text) / 1000 : NaN;
  if (Number.isFinite(date)) return date;
  try {
    return now - parseDuration(text);
  } catch {
    throw wrong(`"${text}" is no time; write it like 2026-01-31T12:00:00Z, 1769860800 or 7d`);
  }
}

async function replay(
  groups: readonly RuleGroup[],
  grid: Grid,
  prometheus: PrometheusOptions,
  { actual, workload }: Flags,
): Promise<Timeline[]> {
  const client = new PrometheusClient(prometheus);
  const progress = progressBar(process.stderr, 'backtest');
  try {
    return await run({
      groups,
      grid,
      actual,
      query: (expr, part) => client.queryRange(expr, part),
      wanted: (key) =>
        workload === undefined || workload.some((target) => namesOf(parseKey(key)).includes(target)),
      onProgress: (done) => {
        progress.show(done);
      },
    });
  } finally {
    progress.end();
    await client.close();
  }
}

/** Labels of workloads are not in Prometheus. */
function withoutSelectors(group: RuleGroup): RuleGroup {
  const rules = group.rules.map((rule) =>
    'match' in rule ? { ...rule, match: { ...rule.match, selector: {} } } : rule,
  );
  return { ...group, rules };
}

function warnOfSelectors(groups: readonly RuleGroup[]): void {
  for (const { name, rules } of groups) {
    for (const rule of rules) {
      if (!('match' in rule) || Object.keys(rule.match.selector).length === 0) continue;
      process.stderr.write(
        `warning: Prometheus does not know the labels of workloads: rule "${rule.scale}" of group "${name}" is ` +
          'replayed for every workload of its kind and namespace; --workload limits it\n',
      );
    }
  }
}

async function writePicture(file: string, page: string): Promise<void> {
  try {
    await writeFile(file, page);
  } catch (cause) {
    throw new KernscaleError('CANNOT_WRITE', `cannot write ${file}`, { cause });
  }
  process.stderr.write(`wrote ${file}\n`);
}

function printText(timelines: readonly Timeline[], grid: Grid): void {
  const { isTTY, columns } = process.stdout;
  const width = isTTY ? (columns || DEFAULT_COLUMNS) - 8 : 0;
  process.stdout.write(`${report(timelines, grid, width, painter(process.stdout)).join('\n')}\n`);
}

function wrong(message: string): KernscaleError {
  return new KernscaleError('BAD_FLAG', message);
}
