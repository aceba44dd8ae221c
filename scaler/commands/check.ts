import { seeText } from '../../common/error-codes/registry.js';
import { commandLine, flag, kubeconfigFlag, parseFlags, seconds } from '../../common/flags.js';
import { count } from '../core/format.js';
import { matchersOf, prometheusFlags, prometheusOptions } from '../promql/flags.js';
import { readFiles, type ReadFile } from '../rules/files.js';
import { formatRuleError, loadRuleFiles, parseRuleFiles, type LoadedRules } from '../rules/load.js';
import type { LintOptions } from '../rules/lint.js';
import type { RuleError } from '../rules/types.js';
import { painter, type Paint } from '../terminal.js';
import { filesOf } from './arguments.js';

const TIMEOUT = 10;
/** Scrape interval of the shipped Prometheus configuration, seconds. */
const SCRAPE_INTERVAL = 5;
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
  const loaded = await load(files, flags);
  const found = flags.live ? await checkLive(loaded, flags) : loaded;
  if (flags.json) printJson(found);
  else printText(found);
  if (found.errors.length > 0) return 1;
  return flags.lintFatal && found.warnings.length > 0 ? LINT_STATUS : 0;
}

/** Loads the files; with `--prometheus.url`, asks it about their metrics and expressions. */
async function load(paths: readonly string[], flags: Flags): Promise<LoadedRules> {
  const lint = (options: LintOptions): LintOptions | undefined =>
    flags.lint === 'all' ? options : undefined;
  const prometheus = prometheusOptions(flags);
  if (!prometheus) {
    return loadRuleFiles(paths, lint({ scrapeInterval: flags.scrapeInterval ?? SCRAPE_INTERVAL }));
  }
  const files: ReadFile[] = [];
  for await (const file of readFiles(paths)) files.push(file);
  const expressions = new Set<string>();
  parseRuleFiles(files, undefined, (expr) => void expressions.add(expr));
  const { askPrometheus, checksBy } = await import('./check-prometheus.js');
  const asked = await askPrometheus(prometheus, matchersOf(flags), expressions);
  const { metrics, scrapeInterval = SCRAPE_INTERVAL, refusals } = asked;
  const checks = checksBy(refusals);
  const options = lint({ scrapeInterval: flags.scrapeInterval ?? scrapeInterval, metrics });
  const found = parseRuleFiles(files, options, checks.errors);
  const doubts = parseRuleFiles(files, undefined, checks.doubts).errors.filter(isPromql).map(toWarning);
  return { ...found, warnings: [...found.warnings, ...doubts] };
}

function isPromql({ code }: RuleError): boolean {
  return code === 'RULE_PROMQL';
}

function toWarning(error: RuleError): RuleError {
  const message = `${error.message}; Prometheus accepts it, but the scaler of this version refuses the file`;
  return { ...error, code: 'LINT_PROMQL', message };
}

/** Loaded on demand: the Kubernetes client takes half a second. */
async function checkLive(loaded: LoadedRules, flags: Flags): Promise<LoadedRules> {
  const { withLive } = await import('./check-live.js');
  return withLive(loaded, flags['kubernetes.kubeconfig'] as string | undefined);
}

function printJson({ groups, errors, warnings, notes }: LoadedRules): void {
  process.stdout.write(`${JSON.stringify({ rules: countRules(groups), errors, warnings, notes })}\n`);
}

function printText({ groups, errors, warnings, notes }: LoadedRules): void {
  const paint = painter(process.stderr);
  for (const found of [...errors, ...warnings, ...notes])
    process.stderr.write(`${findingLine(found, paint)}\n`);
  process.stderr.write(seeText([...errors, ...warnings].map(({ code }) => code)));
  const counts = [
    ...(errors.length > 0 ? [count(errors.length, 'error')] : []),
    ...(warnings.length > 0 ? [count(warnings.length, 'warning')] : []),
  ].join(', ');
  if (errors.length > 0) process.stderr.write(`${paint('red', 'FAILED')}: ${counts}\n`);
  else {
    const success = painter(process.stdout)('green', 'SUCCESS');
    process.stdout.write(
      `${success}: ${count(countRules(groups), 'rule')} found${counts && `, ${counts}`}\n`,
    );
  }
}

/** An error, warning or note with its code. */
export function findingLine(found: RuleError, paint: Paint): string {
  const text = formatRuleError(found);
  const position = `${found.file}:${found.line}:${found.column}: `;
  const message = text.slice(position.length);
  const tone = message.startsWith('warning: ') ? 'yellow' : message.startsWith('note: ') ? 'cyan' : 'red';
  return `${paint('bold', position)}${paint(tone, message)} ${paint('dim', `[${found.code}]`)}`;
}

function countRules(groups: LoadedRules['groups']): number {
  return groups.reduce((sum, { rules }) => sum + rules.length, 0);
}
