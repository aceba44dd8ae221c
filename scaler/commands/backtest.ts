import { once } from 'node:events';
import { appendFile, rm, stat, writeFile } from 'node:fs/promises';
import type { Writable } from 'node:stream';
import { KernscaleError } from '../../common/errors.js';
import { commandLine, kubeconfigFlag, parseFlags } from '../../common/flags.js';
import { page } from '../backtest/page.js';
import { CAVEAT, report } from '../backtest/report.js';
import { summaryOf, UNKNOWN, type Timeline } from '../backtest/timeline.js';
import type { LabelsByWorkload } from '../backtest/replay.js';
import { workloadKey } from '../core/types.js';
import type { PrometheusOptions } from '../promql/client.js';
import type { Grid } from '../promql/range.js';
import type { RuleGroup } from '../rules/types.js';
import { painter, plotColumns } from '../terminal.js';
import { filesOf, loadRules, withoutSelectors } from './arguments.js';
import { checkPast, replayPast, withPast, type PastFlags } from './past.js';

interface Flags extends PastFlags {
  readonly json?: boolean;
  readonly html?: string;
  readonly live?: boolean;
}

/**
 * `kernscale backtest`: replays rules over the past.
 *
 * @returns exit status: 0, or 1 on errors in rule files
 * @throws KernscaleError on wrong flags, and if Prometheus cannot evaluate a query
 */
export async function backtest(argv: readonly string[]): Promise<number> {
  const command = withPast(commandLine('kernscale backtest', 'Replay rules over the past'))
    .option('--json', 'Print one JSON object with the full series instead of text')
    .option('--html <file>', 'Also write a self-contained HTML page that shows the series')
    .option('--live', 'Match label selectors against the labels that workloads have in the cluster now')
    .addOption(kubeconfigFlag());
  const flags = parseFlags<Flags>(command, argv);
  if (!flags) return 0;
  const files = filesOf(command, 'kernscale backtest rules/scaling/*.yaml --from=7d');
  const { grid, prometheus } = checkPast(flags);
  const groups = await loadRules(files);
  if (!groups) return 1;
  const removeUnused = flags.html === undefined ? undefined : await ensureWritable(flags.html);
  const timelines = await replay(groups, grid, prometheus, flags).catch(async (error: unknown) => {
    await removeUnused?.();
    throw error;
  });
  if (flags.html !== undefined) await writePage(flags.html, page(timelines, grid));
  if (flags.json) await writeJson(process.stdout, timelines, grid);
  else printText(timelines, grid);
  return 0;
}

async function replay(
  groups: readonly RuleGroup[],
  grid: Grid,
  prometheus: PrometheusOptions,
  flags: Flags,
): Promise<Timeline[]> {
  const labels = flags.live ? await labelsNow(groups, flags) : undefined;
  const selecting = labels ? groups : withoutSelectors(groups);
  return replayPast('backtest', selecting, grid, prometheus, flags, labels);
}

/** Loaded on demand: the Kubernetes client takes half a second. */
async function labelsNow(
  groups: readonly RuleGroup[],
  flags: Readonly<Record<string, unknown>>,
): Promise<LabelsByWorkload> {
  const [{ loadKubeConfig }, { readLive }] = await Promise.all([
    import('../../common/kubeconfig.js'),
    import('./live-cluster.js'),
  ]);
  const config = loadKubeConfig(flags['kubernetes.kubeconfig'] as string | undefined);
  const { workloads, problems } = await readLive(config, groups);
  for (const problem of problems) process.stderr.write(`warning: ${problem}\n`);
  return new Map(workloads.map(({ ref, labels }) => [workloadKey(ref), labels]));
}

/**
 * Creates the file before the long work begins, so that a wrong path is reported at once.
 *
 * @returns function that removes the file, unless it existed before
 * @throws KernscaleError `CANNOT_WRITE`
 */
async function ensureWritable(file: string): Promise<() => Promise<void>> {
  const found = await stat(file).catch(() => undefined);
  try {
    await appendFile(file, '');
  } catch (cause) {
    throw cannotWrite(file, cause);
  }
  return () => (found ? Promise.resolve() : rm(file));
}

async function writePage(file: string, html: string): Promise<void> {
  try {
    await writeFile(file, html);
  } catch (cause) {
    throw cannotWrite(file, cause);
  }
  process.stderr.write(`wrote ${file}\n`);
}

function cannotWrite(file: string, cause: unknown): KernscaleError {
  return new KernscaleError('CANNOT_WRITE', `cannot write ${file}`, { cause });
}

function printText(timelines: readonly Timeline[], grid: Grid): void {
  const width = process.stdout.isTTY ? plotColumns(process.stdout) : 0;
  process.stdout.write(`${report(timelines, grid, width, painter(process.stdout)).join('\n')}\n`);
}

/**
 * Writes one JSON object: the summary of each workload, and its series at `from`, `from + step`, …, with null for
 * unknown values. Workload by workload, because all of them together may exceed the longest string.
 */
async function writeJson(out: Writable, timelines: readonly Timeline[], grid: Grid): Promise<void> {
  const { from, step, count } = grid;
  const head = JSON.stringify({ from, to: from + (count - 1) * step, step, caveat: CAVEAT });
  await write(out, `${head.slice(0, -1)},"workloads":[`);
  for (const [index, timeline] of timelines.entries()) {
    await write(out, `${index === 0 ? '' : ','}\n${JSON.stringify(toJson(timeline, grid))}`);
  }
  await write(out, ']}\n');
}

function toJson(timeline: Timeline, grid: Grid) {
  const { workload, group, rule, minReplicas, maxReplicas, proposed, actual, gaps, changes } = timeline;
  return {
    workload,
    group,
    rule,
    minReplicas,
    maxReplicas,
    summary: summaryOf(timeline, grid),
    changes,
    proposed: Array.from(proposed, orNull),
    actual: Array.from(actual, orNull),
    class: Array.from(proposed, (_, index) => timeline.classAt(index) || null),
    gap: Array.from(gaps),
  };
}

function orNull(replicas: number): number | null {
  return replicas === UNKNOWN ? null : replicas;
}

async function write(out: Writable, text: string): Promise<void> {
  if (!out.write(text)) await once(out, 'drain');
}
