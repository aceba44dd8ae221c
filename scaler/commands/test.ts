import { access, constants } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { seeText } from '../../common/error-codes/registry.js';
import { commandLine, flag, parseFlags } from '../../common/flags.js';
import { KernscaleError } from '../../common/errors.js';
import { packageRoot } from '../../common/main.js';
import { count } from '../core/format.js';
import { loadTestFiles, type RuleTest } from '../rule-tests/load.js';
import { runTest, type TestResult } from '../rule-tests/run.js';
import { formatRuleError } from '../rules/load.js';
import type { RuleError } from '../rules/types.js';
import { paintDecision, painter, progressBar } from '../terminal.js';
import { filesOf } from './arguments.js';

/** Folder into which scripts/setup.sh unpacks Debian's package, wherever the command is called. */
const UNPACKED = join(packageRoot(), '.cache', 'prometheus', 'usr', 'bin');

interface Flags {
  readonly json?: boolean;
  readonly 'promtool.binary'?: string;
}

/**
 * `kernscale test`: runs unit tests of rules, with series that Prometheus' own engine evaluates.
 *
 * @returns exit status: 0 if all expectations are met, 1 otherwise
 */
export async function test(argv: readonly string[]): Promise<number> {
  const command = commandLine('kernscale test', 'Run unit tests of rules')
    .argument(
      '[files...]',
      'Test files, folders, or patterns such as rules/tests/*.yaml; - is standard input',
    )
    .option('--json', 'Print one JSON object instead of text')
    .addOption(
      flag(
        '--promtool.binary <path>',
        `Path of promtool; default: from the PATH, else from .cache/prometheus of the installation`,
      ),
    );
  const flags = parseFlags<Flags>(command, argv);
  if (!flags) return 0;
  const { tests, errors } = await loadTestFiles(filesOf(command, 'kernscale test rules/tests/*.yaml'));
  const promtool = flags['promtool.binary'] ?? (await findPromtool());
  const broken = [...errors];
  const results: TestResult[] = [];
  const progress = progressBar(process.stderr, 'test');
  try {
    for (const [index, ruleTest] of tests.entries()) {
      progress.show(index / tests.length);
      const run = await runTest(promtool, ruleTest).catch((error: unknown) => brokenTest(ruleTest, error));
      if ('code' in run) broken.push(run);
      else results.push(...run);
    }
  } finally {
    progress.end();
  }
  if (flags.json) printJson(results, broken);
  else printText(results, broken);
  return broken.length > 0 || results.some(failed) ? 1 : 0;
}

/** @throws KernscaleError `PROMTOOL_MISSING` */
async function findPromtool(): Promise<string> {
  for (const folder of [...(process.env['PATH'] ?? '').split(delimiter), UNPACKED]) {
    const path = join(folder, 'promtool');
    const runs = await access(path, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (runs) return path;
  }
  const message = `promtool is neither on the PATH nor in ${UNPACKED}; install the package prometheus, run npm run setup in a checkout, use the image of the target "tools", or pass --promtool.binary`;
  throw new KernscaleError('PROMTOOL_MISSING', message);
}

/** Reports series that promtool rejects at the position of the test; rethrows all other errors. */
function brokenTest({ at }: RuleTest, error: unknown): RuleError {
  if (!(error instanceof KernscaleError) || error.code !== 'PROMTOOL_FAILED') throw error;
  return { ...at, code: 'TEST_SERIES', message: `promtool rejects the series: ${error.message}` };
}

function failed({ differences }: TestResult): boolean {
  return differences.length > 0;
}

function printJson(results: readonly TestResult[], errors: readonly RuleError[]): void {
  const passed = results.filter((result) => !failed(result)).length;
  const printed = results.map(({ expected, got, differences }) => {
    const { at, ...expectation } = expected;
    return { ...at, passed: differences.length === 0, differences, expected: expectation, got };
  });
  process.stdout.write(`${JSON.stringify({ passed, results: printed, errors })}\n`);
}

function printText(results: readonly TestResult[], errors: readonly RuleError[]): void {
  for (const error of errors) process.stderr.write(`${formatRuleError(error)} [${error.code}]\n`);
  process.stderr.write(seeText(errors.map(({ code }) => code)));
  const failures = results.filter(failed);
  const paint = painter(process.stderr);
  for (const { expected, got, differences } of failures) {
    const { file, line, column } = expected.at;
    const what = `${expected.workload} at ${expected.eval_time}: ${differences.join('; ')}`;
    process.stderr.write(`${file}:${line}:${column}: ${paint('red', what)}\n`);
    const lines = got ? paintDecision(got, paint) : [];
    process.stderr.write(lines.map((line) => `    ${line}\n`).join(''));
  }
  const met = `${results.length - failures.length} of ${results.length} expectations met`;
  if (failures.length + errors.length === 0) process.stdout.write(`SUCCESS: ${met}\n`);
  else {
    const broken = errors.length === 0 ? '' : `, ${count(errors.length, 'error')}`;
    process.stderr.write(`FAILED: ${met}${broken}\n`);
  }
}
