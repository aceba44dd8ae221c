import { commandLine, parseFlags } from '../../common/flags.js';
import { compare as compareWorkload, compareReport, STARVED_CAVEAT } from '../backtest/compare.js';
import { CAVEAT } from '../backtest/report.js';
import { starvedSeconds } from '../backtest/starved.js';
import { PrometheusClient } from '../promql/client.js';
import { matchersOf } from '../promql/flags.js';
import { painter } from '../terminal.js';
import { filesOf, loadRules, withoutSelectors } from './arguments.js';
import { checkPast, replayPast, withPast, type PastFlags } from './past.js';

interface Flags extends PastFlags {
  readonly json?: boolean;
}

/**
 * `kernscale compare`: what the autoscaler of the time did, beside what rules would have done: a backtest, reported by
 * workload with the causes of the differences.
 *
 * @returns exit status: 0, or 1 on errors in rule files
 * @throws KernscaleError on wrong flags, and if Prometheus cannot evaluate a query
 */
export async function compare(argv: readonly string[]): Promise<number> {
  const command = withPast(
    commandLine('kernscale compare', 'Compare what HPA or KEDA did with what rules would have done'),
  ).option('--json', 'Print one JSON object with every period instead of text');
  const flags = parseFlags<Flags>(command, argv);
  if (!flags) return 0;
  const files = filesOf(command, 'kernscale compare rules.yaml --prometheus.url=… --from=7d');
  const { grid, prometheus } = checkPast(flags);
  const groups = await loadRules(files);
  if (!groups) return 1;
  const timelines = await replayPast('compare', withoutSelectors(groups), grid, prometheus, flags);
  const client = new PrometheusClient(prometheus);
  try {
    const starved = await starvedSeconds(
      (expr, part) => client.queryRange(expr, part),
      grid,
      matchersOf(flags),
    );
    const comparisons = timelines.map((timeline) => compareWorkload(timeline, grid, starved));
    const { from, step, count } = grid;
    const json = {
      from,
      to: from + (count - 1) * step,
      step,
      caveat: `${CAVEAT} ${STARVED_CAVEAT}`,
      workloads: comparisons,
    };
    const text = flags.json
      ? JSON.stringify(json)
      : compareReport(comparisons, grid, painter(process.stdout)).join('\n');
    process.stdout.write(`${text}\n`);
  } finally {
    await client.close();
  }
  return 0;
}
