import { parseDuration } from '../../common/duration.js';
import { fillObjective, fillTarget } from './defaults.js';
import type { Path } from './document.js';
import type { Finding } from './issues.js';
import { EXPORTED, RECORDED } from './known-metrics.js';
import { suggestion } from './nearest.js';
import { labelsOf, metricsOf, ranges, rangeSeconds } from './promql.js';
import type { RawGroup, RawRule } from './schema.js';
import { builtInSignals } from './signals.js';
import type { FleetRule, LabelSelector, RuleError, RuleGroup } from './types.js';

export interface LintOptions {
  /** Seconds between two scrapes. */
  readonly scrapeInterval: number;
  /** The metrics that Prometheus has; undefined: not known. */
  readonly metrics?: ReadonlySet<string>;
}

/** By which an answer says what it is about. */
const WORKLOAD = ['namespace', 'workload', 'workload_kind'];
/** Signals that are made use of without being named. */
const IMPLICIT = Object.keys(builtInSignals('1m'));

/** Finds what is allowed in a rule file, but hardly meant. */
export function lintFile(
  { groups }: { readonly groups: readonly RawGroup[] },
  options: LintOptions,
): Finding[] {
  return groups.flatMap((group, index) => lintGroup(group, ['groups', index], options));
}

function lintGroup(group: RawGroup, path: Path, options: LintOptions): Finding[] {
  const used = new Set([...IMPLICIT, ...group.rules.flatMap(signalsOf)]);
  const window = { text: group.window ?? '', path: [...path, 'window'], offset: undefined };
  return [
    ...(group.window === undefined ? [] : lintWindow(window, options)),
    ...Object.entries(group.signals ?? {}).flatMap(([name, { expr, maxAge }]) => {
      const at = [...path, 'signals', name];
      return [
        ...(used.has(name) ? [] : [unused(name, at)]),
        ...(expr === undefined ? [] : lintExpression(name, expr, [...at, 'expr'], options)),
        ...(maxAge === undefined ? [] : lintMaxAge(maxAge, [...at, 'maxAge'], options)),
      ];
    }),
  ];
}

function signalsOf({ target, objective, decide }: RawRule): string[] {
  return [
    fillTarget(target).signal,
    ...(objective ? [fillObjective(objective).signal] : []),
    ...(decide ?? []).flatMap(({ when }) => Object.keys(when)),
  ];
}

function lintExpression(name: string, expr: string, path: Path, options: LintOptions): Finding[] {
  const findings = metricsOf(expr).flatMap(({ text, offset }): Finding[] => {
    const message = unknownMetric(text, options.metrics);
    return message === undefined ? [] : [{ code: 'LINT_UNKNOWN_METRIC', path, offset, message }];
  });
  for (const { text, offset } of ranges(expr)) findings.push(...lintWindow({ text, path, offset }, options));
  const missing = WORKLOAD.filter((label) => labelsOf(expr)?.includes(label) === false);
  if (missing.length > 0) {
    const message = `signal "${name}": the answer has no ${missing.join(', ')}, so it is about no workload; aggregate by (${WORKLOAD.join(', ')})`;
    findings.push({ code: 'LINT_NO_WORKLOAD', path, message });
  }
  return findings;
}

/** What speaks against a metric, if anything does. */
function unknownMetric(name: string, metrics: LintOptions['metrics']): string | undefined {
  if (metrics) {
    if (metrics.has(name)) return undefined;
    return `Prometheus has no metric ${name}${suggestion(name, [...metrics, ...EXPORTED])}`;
  }
  const recorded = name.includes(':');
  const own = recorded ? RECORDED : EXPORTED;
  if (own.includes(name)) return undefined;
  const hint = suggestion(name, own);
  // Of others' metrics and rules only those can be told that are near misses of ours.
  if (recorded ? hint === '' : !name.startsWith('kernscale_')) return undefined;
  return `${recorded ? 'no rule of Kernscale records' : 'nobody exports'} ${name}${hint}`;
}

function lintWindow(
  { text, path, offset }: { text: string; path: Path; offset: number | undefined },
  { scrapeInterval }: LintOptions,
): Finding[] {
  if ((rangeSeconds(text) ?? 0) >= 2 * scrapeInterval) return [];
  const message = `a window of ${text} is shorter than two scrapes (one every ${scrapeInterval} s) and finds nothing; make it ${4 * scrapeInterval}s`;
  return [{ code: 'LINT_SHORT_WINDOW', path, ...(offset !== undefined && { offset }), message }];
}

function lintMaxAge(maxAge: string, path: Path, { scrapeInterval }: LintOptions): Finding[] {
  if (parseDuration(maxAge) >= 2 * scrapeInterval) return [];
  const message = `a maxAge of ${maxAge} is shorter than two scrapes (one every ${scrapeInterval} s): one that is late stops the rules`;
  return [{ code: 'LINT_SHORT_MAX_AGE', path, message }];
}

function unused(name: string, path: Path): Finding {
  const message = `no rule of this group makes use of signal "${name}"`;
  return { code: 'LINT_UNUSED_SIGNAL', path, atKey: true, message };
}

/** Finds rules for fleets that an earlier one leaves nothing to. */
export function shadowedRules(groups: readonly RuleGroup[]): RuleError[] {
  const earlier: FleetRule[] = [];
  const shadowed: RuleError[] = [];
  for (const group of groups) {
    for (const rule of group.rules) {
      if (!('match' in rule)) continue;
      const cover = earlier.find((other) => covers(other, rule));
      if (cover) {
        const { file, line } = cover.source;
        const message = `every workload that it matches is scaled by the rule at ${file}:${line} already; put the narrower one first`;
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
    (wide.namespace === undefined || wide.namespace === narrow.namespace) &&
    requirements(wide.selector).every((one) => requirements(narrow.selector).includes(one))
  );
}

function requirements({ matchLabels, matchExpressions }: LabelSelector): string[] {
  const equal = Object.entries(matchLabels ?? {}).map(([key, value]) => `${key}=${value}`);
  return [...equal, ...(matchExpressions ?? []).map((requirement) => JSON.stringify(requirement))];
}
