/** Reading of arguments and flags that several commands share. */
import { Option, type Command } from 'commander';
import { parseDuration } from '../../common/duration.js';
import { seeText } from '../../common/error-codes/registry.js';
import { KernscaleError } from '../../common/errors.js';
import { ACTUAL_REPLICAS } from '../backtest/actual-replicas.js';
import type { WorkloadId } from '../core/types.js';
import type { PrometheusOptions } from '../promql/client.js';
import { matchersOf, prometheusOptions } from '../promql/flags.js';
import { withMatchers } from '../promql/matchers.js';
import { formatRuleError, loadRuleFiles } from '../rules/load.js';
import { checkPromql } from '../promql/check.js';
import { restricted } from '../rules/restrict.js';
import type { RuleGroup } from '../rules/types.js';

/** Default of `--prometheus.timeout` for range queries, which take longer than those of a round, seconds. */
export const PAST_TIMEOUT = 120;

export function badFlag(message: string): KernscaleError {
  return new KernscaleError('BAD_FLAG', message);
}

/** The files of the command line, at least one. @throws KernscaleError `BAD_FLAG` */
export function filesOf({ args }: Command, example: string): readonly string[] {
  if (args.length === 0) throw badFlag(`no files given; for example: ${example}`);
  return args;
}

/**
 * Loads rule files; reports their errors on standard error and returns undefined if there are any.
 *
 * @throws KernscaleError `RULES_EMPTY` if the files have no rules
 */
export async function loadRules(files: readonly string[]): Promise<readonly RuleGroup[] | undefined> {
  const { groups, errors } = await loadRuleFiles(files);
  for (const error of errors) process.stderr.write(`${formatRuleError(error)} [${error.code}]\n`);
  process.stderr.write(seeText(errors.map(({ code }) => code)));
  if (errors.length > 0) return undefined;
  if (groups.every(({ rules }) => rules.length === 0)) {
    throw new KernscaleError('RULES_EMPTY', `${files.join(', ')}: no rules found`);
  }
  return groups;
}

/** Removes label selectors, because Prometheus has no labels of workloads; warns on standard error. */
export function withoutSelectors(groups: readonly RuleGroup[]): RuleGroup[] {
  return groups.map((group) => ({
    ...group,
    rules: group.rules.map((rule) => {
      if (!('match' in rule)) return rule;
      const { namespaceSelector, ...match } = rule.match;
      if (!namespaceSelector && Object.keys(match.selector).length === 0) return rule;
      process.stderr.write(
        `warning: rule "${rule.scale}" of group "${group.name}" is applied to all workloads of its kind and namespace: ` +
          'its selector is ignored, because Prometheus has no labels of workloads; backtest --live takes those of the cluster\n',
      );
      return { ...rule, match: { ...match, selector: {} } };
    }),
  }));
}

/** All forms in which a command accepts the name of a workload. */
export function namesOf(workload: WorkloadId | undefined): string[] {
  if (!workload) return [];
  const { namespace, kind, name } = workload;
  return [`${namespace}/${kind}/${name}`, `${namespace}/${name}`, `${kind.toLowerCase()}/${name}`, name];
}

export function actualFlag(): Option {
  return new Option(
    '--actual <promql>',
    'PromQL of the actual replicas by namespace, workload and workload_kind',
  ).default(ACTUAL_REPLICAS);
}

/** The groups, the actual replicas and the matchers, as `--prometheus.matcher` restricts what is built in. */
export function restrictedBy(
  flags: Readonly<Record<string, unknown>> & { readonly actual: string },
  groups: readonly RuleGroup[],
) {
  const matchers = matchersOf(flags);
  const isBuiltIn = matchers !== undefined && flags.actual === ACTUAL_REPLICAS;
  return {
    groups: groups.map((group) => restricted(group, matchers)),
    actual: isBuiltIn ? withMatchers(flags.actual, matchers) : flags.actual,
    matchers,
  };
}

/** @throws KernscaleError `BAD_FLAG` */
export function prometheusOf(
  flags: Readonly<Record<string, unknown>> & { actual: string },
): PrometheusOptions {
  const prometheus = prometheusOptions(flags);
  if (!prometheus) throw badFlag('--prometheus.url is required: the address of the Prometheus to query');
  const fault = checkPromql(flags.actual);
  if (fault) throw badFlag(`--actual: ${fault.message}`);
  return prometheus;
}

/**
 * Parses ISO 8601, seconds since 1970, or a duration before now.
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
    throw badFlag(`"${text}" is not a time; write it like 2026-01-31T12:00:00Z, 1769860800 or 7d (ago)`);
  }
}
