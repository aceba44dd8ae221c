import { Option } from 'commander';
import { parseDuration } from '../../common/duration.js';
import { KernscaleError } from '../../common/errors.js';
import { ACTUAL } from '../backtest/run.js';
import type { PrometheusOptions } from '../promql/client.js';
import { prometheusOptions } from '../promql/flags.js';
import { checkPromql } from '../promql/check.js';
import type { RuleGroup } from '../rules/types.js';

/** Ranges of the past take Prometheus longer than a round's queries, seconds. */
export const PAST_TIMEOUT = 120;

export function actualFlag(): Option {
  return new Option(
    '--actual <promql>',
    'replicas that there were, per namespace, workload, workload_kind',
  ).default(ACTUAL);
}

/** @throws KernscaleError `BAD_FLAG` */
export function prometheusOf(
  flags: Readonly<Record<string, unknown>> & { actual: string },
): PrometheusOptions {
  const prometheus = prometheusOptions(flags);
  if (!prometheus) throw wrong('--prometheus.url must say which Prometheus knows the past');
  const fault = checkPromql(flags.actual);
  if (fault) throw wrong(`--actual: ${fault.message}`);
  return prometheus;
}

/**
 * Reads a time in seconds since 1970, as ISO 8601 writes it, or as how long ago it was.
 *
 * @param now seconds since the epoch
 * @throws KernscaleError `BAD_FLAG`
 */
export function parseTime(text: string, now: number): number {
  if (/^\d{9,}(\.\d+)?$/.test(text)) return Number(text);
  const date = /^\d{4}-\d\d-\d\d/.test(text) ? Date.parse(text) / 1000 : NaN;
  if (Number.isFinite(date)) return date;
  try {
    return now - parseDuration(text);
  } catch {
    throw wrong(`"${text}" is no time; write it like 2026-01-31T12:00:00Z, 1769860800 or 7d`);
  }
}

/** Leaves out what rules select by: labels of workloads are not in Prometheus. Says so on standard error. */
export function withoutSelectors(groups: readonly RuleGroup[]): RuleGroup[] {
  return groups.map((group) => ({
    ...group,
    rules: group.rules.map((rule) => {
      if (!('match' in rule) || Object.keys(rule.match.selector).length === 0) return rule;
      process.stderr.write(
        `warning: Prometheus does not know the labels of workloads: rule "${rule.scale}" of group "${group.name}" is ` +
          'taken to be for every workload of its kind and namespace\n',
      );
      return { ...rule, match: { ...rule.match, selector: {} } };
    }),
  }));
}

export function wrong(message: string): KernscaleError {
  return new KernscaleError('BAD_FLAG', message);
}
