import { parseDuration } from '../../common/duration.js';
import { EXPORTED, RECORDED } from '../promql/known-metrics.js';
import { defaultsIn } from '../promql/needs.js';
import { builtInSignals } from '../promql/signals.js';
import { labelsOf, metricsOf, rangeSeconds, ratesOf } from '../promql/syntax.js';
import type { LabelSelector } from '../../common/label-selector.js';
import type { Path } from '../../common/yaml/document.js';
import { suggestion } from './suggestion.js';
import { fillObjective, fillTargets, namedSignals } from './defaults.js';
import { wholeExpression } from './own-signals.js';
import type { RawGroup, RawRule } from './schema.js';
import type { FleetRule, RuleError, RuleFinding, RuleGroup } from './types.js';

export interface LintOptions {
  /** Seconds between two scrapes. */
  readonly scrapeInterval: number;
  /** Metrics that Prometheus has; undefined if unknown. */
  readonly metrics?: ReadonlySet<string>;
}

/** Labels that assign a series to a workload. */
const WORKLOAD = ['namespace', 'workload', 'workload_kind'];
/** Signals that rules use without naming them. */
const IMPLICIT = Object.keys(builtInSignals('1m'));

/** Finds likely mistakes in a valid rule file. */
export function lintFile(
  { groups }: { readonly groups: readonly RawGroup[] },
  options: LintOptions,
): RuleFinding[] {
  return groups.flatMap((group, index) => lintGroup(group, ['groups', index], options));
}

function lintGroup(group: RawGroup, path: Path, options: LintOptions): RuleFinding[] {
  const sizing = new Set(group.rules.flatMap(fillTargets).map(({ signal }) => signal));
  const used = new Set([...IMPLICIT, ...group.rules.flatMap(signalsOf)]);
  const window = { text: group.window ?? '', path: [...path, 'window'], offset: undefined };
  return [
    ...(group.window === undefined ? [] : lintWindow(window, options)),
    ...Object.entries(group.signals ?? {}).flatMap(([name, { expr, maxAge }]) => {
      const at = [...path, 'signals', name];
      return [
        ...(used.has(name) ? [] : [unused(name, at)]),
        ...(expr === undefined ? [] : lintExpression(name, expr, [...at, 'expr'], options)),
        ...(expr !== undefined && sizing.has(name) ? lintDefaults(name, expr, [...at, 'expr']) : []),
        ...(maxAge === undefined ? [] : lintMaxAge(maxAge, [...at, 'maxAge'], options)),
      ];
    }),
    ...group.rules.flatMap((rule, index) => lintOwn(rule, [...path, 'rules', index], options)),
  ];
}

function signalsOf(rule: RawRule): string[] {
  const { objective } = rule;
  return [...namedSignals(rule), ...(objective ? [fillObjective(objective).signal] : [])];
}

function lintParts(expr: string, path: Path, options: LintOptions): RuleFinding[] {
  const findings = metricsOf(expr).flatMap(({ text, offset }): RuleFinding[] => {
    const message = unknownMetric(text, options.metrics);
    return message === undefined ? [] : [{ code: 'LINT_UNKNOWN_METRIC', path, offset, message }];
  });
  for (const { text, offset } of ratesOf(expr)) findings.push(...lintWindow({ text, path, offset }, options));
  return findings;
}

function lintExpression(name: string, expr: string, path: Path, options: LintOptions): RuleFinding[] {
  const findings = lintParts(expr, path, options);
  const missing = WORKLOAD.filter((label) => labelsOf(expr)?.includes(label) === false);
  if (missing.length > 0) {
    const message = `signal "${name}": the result has no label ${missing.join(' or ')}, so it applies to no workload; aggregate by (${WORKLOAD.join(', ')})`;
    findings.push({ code: 'LINT_NO_WORKLOAD', path, message });
  }
  return findings;
}

/** Finds likely mistakes in the signals that a rule defines itself. */
function lintOwn(rule: RawRule, path: Path, options: LintOptions): RuleFinding[] {
  const targets = rule.targets ?? [rule.target ?? {}];
  return targets.flatMap(({ signal = '', expr, maxAge }, index) => {
    const at = [...path, ...(rule.targets ? ['targets', index] : ['target'])];
    if (expr === undefined) return [];
    const message = `signal "${signal}": one query per matching workload and round; one for all needs a sum, max, min, avg or count of one selector or rate, with $namespace and $workload as whole values of = matchers`;
    const apart: RuleFinding[] =
      rule.match && wholeExpression(rule, expr) === undefined
        ? [{ code: 'LINT_QUERY_PER_WORKLOAD', path: [...at, 'expr'], message }]
        : [];
    return [
      ...lintParts(expr, [...at, 'expr'], options),
      ...lintDefaults(signal, expr, [...at, 'expr']),
      ...(maxAge === undefined ? [] : lintMaxAge(maxAge, [...at, 'maxAge'], options)),
      ...apart,
    ];
  });
}

/** Finds values that stand for missing data in a signal that replicas are computed from. */
function lintDefaults(name: string, expr: string, path: Path): RuleFinding[] {
  return defaultsIn(expr).map(({ text, offset }): RuleFinding => {
    const what = text.startsWith('absent')
      ? `"${text}" has a value only while its data is missing, and reads as load`
      : `"or ${text}" reads as no load while its data is missing, and replicas go down`;
    const message = `signal "${name}": ${what}; without it, missing data holds them`;
    return { code: 'LINT_DEFAULT_VALUE', path, offset, message };
  });
}

/** Says why a metric is probably misspelt; undefined if it is not. */
function unknownMetric(name: string, metrics: LintOptions['metrics']): string | undefined {
  if (metrics) {
    if (metrics.has(name)) return undefined;
    return `Prometheus has no metric named ${name}${suggestion(name, [...metrics, ...EXPORTED])}`;
  }
  const recorded = name.includes(':');
  const own = recorded ? RECORDED : EXPORTED;
  if (own.includes(name)) return undefined;
  const hint = suggestion(name, own);
  // Other exporters and rules exist, so of their names only near misses of Kernscale's are suspect.
  if (recorded ? hint === '' : !name.startsWith('kernscale_')) return undefined;
  return `${recorded ? 'no recording rule of Kernscale records' : 'Kernscale does not export'} ${name}${hint}`;
}

function lintWindow(
  { text, path, offset }: { text: string; path: Path; offset: number | undefined },
  { scrapeInterval }: LintOptions,
): RuleFinding[] {
  if ((rangeSeconds(text) ?? 0) >= 2 * scrapeInterval) return [];
  const message = `a range of ${text} is shorter than two scrape intervals of ${scrapeInterval}s and yields no rate; use ${4 * scrapeInterval}s`;
  return [{ code: 'LINT_SHORT_WINDOW', path, ...(offset !== undefined && { offset }), message }];
}

function lintMaxAge(maxAge: string, path: Path, { scrapeInterval }: LintOptions): RuleFinding[] {
  if (parseDuration(maxAge) >= 2 * scrapeInterval) return [];
  const message = `maxAge ${maxAge} is shorter than two scrape intervals of ${scrapeInterval}s, so one late scrape makes the signal stale; use ${3 * scrapeInterval}s`;
  return [{ code: 'LINT_SHORT_MAX_AGE', path, message }];
}

function unused(name: string, path: Path): RuleFinding {
  const message = `no rule of this group uses signal "${name}"; remove it`;
  return { code: 'LINT_UNUSED_SIGNAL', path, atKey: true, message };
}

/** Finds fleet rules that never apply because an earlier one matches all of their workloads. */
export function shadowedRules(groups: readonly RuleGroup[]): RuleError[] {
  const earlier: FleetRule[] = [];
  const shadowed: RuleError[] = [];
  for (const group of groups) {
    for (const rule of group.rules) {
      if (!('match' in rule)) continue;
      const cover = earlier.find((other) => covers(other, rule));
      if (cover) {
        const { file, line } = cover.source;
        const message = `this rule never applies, because the rule at ${file}:${line} matches all of its workloads first; move this one before it`;
        const place = { ...rule.source, group: group.name, rule: rule.scale };
        shadowed.push({ ...place, code: 'LINT_SHADOWED_RULE', message });
      }
      earlier.push(rule);
    }
  }
  return shadowed;
}

function covers({ match: wide }: FleetRule, { match: narrow }: FleetRule): boolean {
  return (
    wide.apiVersion === narrow.apiVersion &&
    wide.kind === narrow.kind &&
    (narrow.namespaces?.every((one) => inNamespace(wide, one)) ?? !wide.namespaces) &&
    includes(wide.selector, narrow.selector) &&
    includes(wide.namespaceSelector, narrow.namespaceSelector)
  );
}

function inNamespace({ namespaces }: FleetRule['match'], namespace: string): boolean {
  return namespaces?.includes(namespace) ?? true;
}

/** True if every requirement of the one is one of the other. */
function includes(wide: LabelSelector = {}, narrow: LabelSelector = {}): boolean {
  return requirements(wide).every((one) => requirements(narrow).includes(one));
}

function requirements({ matchLabels, matchExpressions }: LabelSelector): string[] {
  const equal = Object.entries(matchLabels ?? {}).map(([key, value]) => `${key}=${value}`);
  return [...equal, ...(matchExpressions ?? []).map((requirement) => JSON.stringify(requirement))];
}
