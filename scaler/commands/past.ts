/** What the commands that replay rules over the past have in common. */
import type { Command } from 'commander';
import { flag, seconds } from '../../common/flags.js';
import { backtest } from '../backtest/backtest.js';
import { withEvaluator } from '../backtest/evaluator/thread.js';
import type { LabelsByWorkload } from '../backtest/replay.js';
import type { Timeline } from '../backtest/timeline.js';
import { LONGEST_INTERVAL } from '../core/history.js';
import { parseKey } from '../core/types.js';
import type { PrometheusOptions } from '../promql/client.js';
import { prometheusFlags } from '../promql/flags.js';
import type { Grid } from '../promql/range.js';
import type { RuleGroup } from '../rules/types.js';
import { progressBar } from '../terminal.js';
import {
  actualFlag,
  badFlag,
  namesOf,
  parseTime,
  PAST_TIMEOUT,
  prometheusOf,
  restrictedBy,
} from './arguments.js';

const STEP = 15;

export interface PastFlags extends Readonly<Record<string, unknown>> {
  readonly from?: string;
  readonly to?: string;
  readonly step: number;
  readonly actual: string;
  readonly workload?: readonly string[];
}

/** Adds the files, the range of time, the step, the actual replicas, the workloads and the access to Prometheus. */
export function withPast(command: Command): Command {
  command
    .argument('[files...]', 'Rule files, folders, or patterns such as rules/*.yaml')
    .option(
      '--from <time>',
      'Start: 2026-01-31T12:00:00Z, seconds since 1970, or a duration ago such as 7d',
      '1d',
    )
    .option('--to <time>', 'End, in the same formats; default now')
    .addOption(flag('--step <duration>', 'Time between two rounds of every group', STEP, seconds))
    .addOption(actualFlag())
    .option(
      '--workload <target...>',
      'Only these workloads: namespace/kind/name, namespace/name, kind/name or name',
    );
  for (const option of prometheusFlags(PAST_TIMEOUT)) command.addOption(option);
  return command;
}

/** @throws KernscaleError `BAD_FLAG` */
export function checkPast(flags: PastFlags): { grid: Grid; prometheus: PrometheusOptions } {
  const { step } = flags;
  const prometheus = prometheusOf(flags);
  if (!(step > 0 && step <= LONGEST_INTERVAL)) {
    throw badFlag(`--step must be above 0s and at most ${LONGEST_INTERVAL}s`);
  }
  const now = Date.now() / 1000;
  const [from, to] = [parseTime(flags.from ?? '1d', now), parseTime(flags.to ?? '0s', now)];
  if (!(from < to)) throw badFlag('--from must be before --to');
  // Steps are aligned, so that two runs over the same range evaluate the same steps.
  const start = Math.ceil(from / step) * step;
  return { grid: { from: start, step, count: Math.floor((to - start) / step) + 1 }, prometheus };
}

/** @param name of the command, for the progress bar */
export async function replayPast(
  name: string,
  groups: readonly RuleGroup[],
  grid: Grid,
  prometheus: PrometheusOptions,
  flags: PastFlags,
  labels?: LabelsByWorkload,
): Promise<Timeline[]> {
  const { workload } = flags;
  const progress = progressBar(process.stderr, name);
  try {
    return await withEvaluator(prometheus, (evaluate) =>
      backtest({
        ...restrictedBy(flags, groups),
        labels,
        grid,
        evaluate,
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
