import { errorMessage } from '../common/errors.js';
import type { Logger } from '../common/log.js';
import { restoreUsual, type RestoreOptions } from './backtest/restore.js';
import { UsualLearner } from './backtest/usual-learner.js';
import type { Rule, WorkloadKey } from './core/types.js';
import type { Histories } from './loop/histories.js';
import { failed } from './promql/response.js';

/** Seconds after which no further query is sent: what is learnt until then must do. */
const TIME_LIMIT = 300;
/** Seconds between two lines of progress in the log. */
const PROGRESS = 10;

interface Options extends Omit<RestoreOptions, 'learn'> {
  /** Rules by the workload that they scale. */
  readonly rules: ReadonlyMap<WorkloadKey, Rule>;
  readonly histories: Pick<Histories, 'knowsUsual' | 'offer'>;
  readonly stopped: AbortSignal;
  /** Seconds since any time. */
  readonly clock: () => number;
  readonly log: Logger;
}

/**
 * Learns from Prometheus what is usual for the workloads of which the history does not tell, and offers it to the
 * rounds, which run meanwhile. Logs the outcome, a failure with the code `RESTORE_INCOMPLETE` or `RESTORE_FAILED`;
 * never throws.
 */
export async function restoreAtStart(options: Options): Promise<void> {
  const { rules, histories, span, stopped, log } = options;
  const wanted = [...rules.keys()].filter((key) => !histories.knowsUsual(key));
  if (wanted.length === 0) {
    log.info('what is usual is known of every workload; nothing to restore');
    return;
  }
  try {
    log.info({ workloads: wanted.length, seconds: span }, 'restoring from Prometheus what is usual');
    const { usual, failure } = await learnUsual(options);
    if (stopped.aborted) return;
    const found = wanted.filter((key) => usual.has(key) && !histories.knowsUsual(key));
    histories.offer(new Map(found.map((key) => [key, usual.get(key)!])));
    const outcome = { restored: found.length, of: wanted.length };
    if (failure)
      log.warn(
        { code: 'RESTORE_INCOMPLETE', ...outcome, error: failure.message },
        'restored what is usual only in part',
      );
    else log.info(outcome, 'restored from Prometheus what is usual');
  } catch (error) {
    log.warn({ code: 'RESTORE_FAILED', error: errorMessage(error) }, 'what is usual is learnt anew');
  }
}

async function learnUsual({ rules, range, now, span, stopped, clock, log, ...past }: Options) {
  const learner = new UsualLearner(rules);
  const started = clock();
  let reported = started;
  const failure = await restoreUsual({
    ...past,
    now,
    span,
    range: (expr, grid) => {
      if (stopped.aborted) return Promise.resolve(failed('timeout', 'the scaler stops'));
      if (clock() - started < TIME_LIMIT) return range(expr, grid);
      return Promise.resolve(failed('timeout', `it took longer than ${TIME_LIMIT} s`));
    },
    learn: (round, at) => {
      learner.learn(round, at);
      if (clock() - reported < PROGRESS) return;
      reported = clock();
      log.info({ seconds: span - (now - at), of: span }, 'restoring from Prometheus what is usual');
    },
  });
  return { usual: learner.usual(), failure };
}
