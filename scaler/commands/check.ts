import { seeText } from '../../common/error-codes/registry.js';
import { commandLine, flag, kubeconfigFlag, parseFlags, seconds } from '../../common/flags.js';
import { loadKubeConfig } from '../../common/kubeconfig.js';
import { KernscaleError } from '../../common/errors.js';
import { count } from '../core/format.js';
import { HEARTBEAT } from '../promql/freshness.js';
import { PrometheusClient } from '../promql/client.js';
import { matchersOf, prometheusFlags, prometheusOptions } from '../promql/flags.js';
import { withMatchers } from '../promql/matchers.js';
import { formatRuleError, loadRuleFiles } from '../rules/load.js';
import type { LintOptions } from '../rules/lint.js';
import type { RuleError } from '../rules/types.js';
import { filesOf } from './arguments.js';
import { lacksOf } from './live.js';
import { readLive } from './live-cluster.js';

const TIMEOUT = 10;
/** Scrape interval of the shipped Prometheus configuration, seconds. */
const SCRAPE_INTERVAL = 5;
/** Age of the oldest metrics that count as existing, seconds. */
const LOOK_BACK = 3600;
/** Exit status of promtool for lint errors. */
const LINT_STATUS = 3;

type Flags = Readonly<Record<string, unknown>> & {
  readonly json?: boolean;
  readonly lint: 'all' | 'none';
  readonly lintFatal?: boolean;
  readonly scrapeInterval?: number;
  readonly live?: boolean;
};

/**
 * `kernscale check`: reports all errors in rule files, warns about likely mistakes, and notes where a field has changed
 * its meaning since the first release. With `--live`, it warns about what the cluster lacks for the rules.
 *
 * @returns exit status: 0 without errors, 1 on errors, 3 on warnings with `--lint-fatal`
 * @throws KernscaleError on wrong flags, and if the given Prometheus cannot be queried
 */
export async function check(argv: readonly string[]): Promise<number> {
  const command = commandLine('kernscale check', 'Check rule files')
    .argument('[files...]', 'Rule files, folders, or patterns such as rules/*.yaml; - is standard input')
    .option('--json', 'Print one JSON object instead of text')
    .addOption(flag('--lint <what>', 'Warnings and notes to report', 'all').choices(['all', 'none']))
    .option('--lint-fatal', 'Exit with status 3 on warnings')
    .addOption(
      flag(
        '--scrape-interval <duration>',
        `Time between two scrapes; default: measured in Prometheus, or ${SCRAPE_INTERVAL}s`,
        undefined,
        seconds,
      ),
    )
    .option('--live', 'Check against the cluster, too: targets, CPU requests, other autoscalers')
    .addOption(kubeconfigFlag());
  for (const option of prometheusFlags(TIMEOUT)) command.addOption(option);
  const flags = parseFlags<Flags>(command, argv);
  if (!flags) return 0;
  const files = filesOf(command, 'kernscale check rules/scaling/*.yaml');
  const lint = flags.lint === 'all' ? await lintOptions(flags) : undefined;
  const found = await withLive(await loadRuleFiles(files, lint), flags);
  if (flags.json) printJson(found);
  else printText(found);
  if (found.errors.length > 0) return 1;
  return flags.lintFatal && found.warnings.length > 0 ? LINT_STATUS : 0;
}

async function lintOptions(flags: Flags): Promise<LintOptions> {
  const prometheus = prometheusOptions(flags);
  if (!prometheus) return { scrapeInterval: flags.scrapeInterval ?? SCRAPE_INTERVAL };
  const client = new PrometheusClient(prometheus);
  const matchers = matchersOf(flags);
  const heartbeat = matchers === undefined ? HEARTBEAT : withMatchers(HEARTBEAT, matchers);
  try {
    const now = Date.now() / 1000;
    const [metrics, scrapes] = await Promise.all([
      client.metricNames(now - LOOK_BACK, now),
      client.query(`max(count_over_time(${heartbeat}[5m]))`, now),
    ]);
    for (const result of [metrics, scrapes]) {
      if (!result.ok) throw new KernscaleError('PROMETHEUS_ANSWER', result.message);
    }
    const scraped = scrapes.ok ? scrapes.samples[0]?.value : undefined;
    const measured = scraped === undefined ? SCRAPE_INTERVAL : Math.max(1, Math.round(300 / scraped));
    return {
      scrapeInterval: flags.scrapeInterval ?? measured,
      ...(metrics.ok && { metrics: metrics.names }),
    };
  } finally {
    await client.close();
  }
}

type Found = Awaited<ReturnType<typeof loadRuleFiles>>;

/** With what the cluster lacks for the rules, unless these have errors. */
async function withLive(found: Found, { live, ...flags }: Flags): Promise<Found> {
  if (!live || found.errors.length > 0) return found;
  const file = flags['kubernetes.kubeconfig'] as string | undefined;
  const { problems, ...cluster } = await readLive(loadKubeConfig(file), found.groups);
  for (const problem of problems) process.stderr.write(`warning: ${problem}\n`);
  const lacks = lacksOf(found.groups, cluster);
  const isNote = ({ code }: RuleError): boolean => code.startsWith('NOTE_');
  return {
    ...found,
    warnings: [...found.warnings, ...lacks.filter((lack) => !isNote(lack))],
    notes: [...found.notes, ...lacks.filter(isNote)],
  };
}

function printJson({ groups, errors, warnings, notes }: Found): void {
  process.stdout.write(`${JSON.stringify({ rules: countRules(groups), errors, warnings, notes })}\n`);
}

function printText({ groups, errors, warnings, notes }: Found): void {
  for (const found of [...errors, ...warnings, ...notes]) {
    process.stderr.write(`${formatRuleError(found)} [${found.code}]\n`);
  }
  process.stderr.write(seeText([...errors, ...warnings].map(({ code }) => code)));
  const counts = [
    ...(errors.length > 0 ? [count(errors.length, 'error')] : []),
    ...(warnings.length > 0 ? [count(warnings.length, 'warning')] : []),
  ].join(', ');
  if (errors.length > 0) process.stderr.write(`FAILED: ${counts}\n`);
  else
    process.stdout.write(`SUCCESS: ${count(countRules(groups), 'rule')} found${counts && `, ${counts}`}\n`);
}

function countRules(groups: Found['groups']): number {
  return groups.reduce((sum, { rules }) => sum + rules.length, 0);
}
