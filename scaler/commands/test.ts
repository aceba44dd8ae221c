import { access, constants } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { commandLine, flag, parseFlags } from '../../common/flags.js';
import { KernscaleError } from '../../common/errors.js';
import { loadTestFiles, type RuleTest } from '../rule-tests/load.js';
import { runTest, type Verdict } from '../rule-tests/run.js';
import { formatRuleError } from '../rules/load.js';
import type { RuleError } from '../rules/types.js';
import { painter } from './paint.js';
import { progressBar } from './progress.js';
import { tellDecision } from './story.js';

/** Where the set-up of this repository unpacks Debian's package, from where it is run. */
const UNPACKED = join('.cache', 'prometheus', 'usr', 'bin');

interface Flags {
  readonly json?: boolean;
  readonly 'promtool.binary'?: string;
}

/**
 * `kernscale test`: unit tests of rules, with series evaluated by Prometheus' own engine.
 *
 * @returns exit status: 0 when all is as expected, 1 otherwise
 */
export async function test(argv: readonly string[]): Promise<number> {
  const command = commandLine('kernscale test', 'Run unit tests of rules')
    .argument(
      '[files...]',
      'test files, folders, or patterns such as rules/tests/*.yaml; - is standard input',
    )
    .option('--json', 'print one JSON object in place of text')
    .addOption(flag('--promtool.binary <path>', 'promtool; found on the PATH or where the set-up left it'));
  const flags = parseFlags<Flags>(command, argv);
  if (!flags) return 0;
  if (command.args.length === 0) {
    throw new KernscaleError(
      'BAD_FLAG',
      'no test files given; for example: kernscale test rules/tests/*.yaml',
    );
  }
  const { tests, errors } = await loadTestFiles(command.args);
  const promtool = flags['promtool.binary'] ?? (await findPromtool());
  const broken = [...errors];
  const verdicts: Verdict[] = [];
  const progress = progressBar(process.stderr, 'test');
  try {
    for (const [index, ruleTest] of tests.entries()) {
      progress.show(index / tests.length);
      const run = await runTest(promtool, ruleTest).catch((error: unknown) => brokenTest(ruleTest, error));
      if ('code' in run) broken.push(run);
      else verdicts.push(...run);
    }
  } finally {
    progress.end();
  }
  if (flags.json) printJson(verdicts, broken);
  else printText(verdicts, broken);
  return broken.length > 0 || verdicts.some(failed) ? 1 : 0;
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
  const message = `promtool is neither on the PATH nor in ${UNPACKED}; install Prometheus, or name it with --promtool.binary`;
  throw new KernscaleError('PROMTOOL_MISSING', message);
}

/** promtool's complaint about a test, at the test's place; anything else is not the test's fault. */
function brokenTest({ at }: RuleTest, error: unknown): RuleError {
  if (!(error instanceof KernscaleError) || error.code !== 'PROMTOOL_FAILED') throw error;
  return { ...at, code: 'TEST_SERIES', message: `promtool refuses its series: ${error.message}` };
}

function failed({ differences }: Verdict): boolean {
  return differences.length > 0;
}

function printJson(verdicts: readonly Verdict[], errors: readonly RuleError[]): void {
  const results = verdicts.map(({ expected, got, differences }) => {
    const { at, ...expectation } = expected;
    return { ...at, passed: differences.length === 0, differences, expected: expectation, got };
  });
  process.stdout.write(
    `${JSON.stringify({ passed: results.filter(({ passed }) => passed).length, results, errors })}\n`,
  );
}

function printText(verdicts: readonly Verdict[], errors: readonly RuleError[]): void {
  for (const error of errors) process.stderr.write(`${formatRuleError(error)} [${error.code}]\n`);
  const failures = verdicts.filter(failed);
  const paint = painter(process.stderr);
  for (const { expected, got, differences } of failures) {
    const { file, line, column } = expected.at;
    const what = `${expected.workload} at ${expected.eval_time}: ${differences.join('; ')}`;
    process.stderr.write(`${file}:${line}:${column}: ${paint('red', what)}\n`);
    const story = got ? tellDecision(got, paint) : [];
    process.stderr.write(story.map((told) => `    ${told}\n`).join(''));
  }
  const count = `${verdicts.length - failures.length} of ${verdicts.length} expectations met`;
  if (failures.length + errors.length === 0) process.stdout.write(`SUCCESS: ${count}\n`);
  else {
    const broken = errors.length === 0 ? '' : `, ${errors.length} error${errors.length === 1 ? '' : 's'}`;
    process.stderr.write(`FAILED: ${count}${broken}\n`);
  }
}
