import { commandLine, parseFlags } from '../../common/flags.js';
import { KernscaleError } from '../../common/errors.js';
import { formatRuleError, loadRuleFiles } from '../rules/load.js';

/**
 * `kernscale check`: says everything that is wrong with rule files.
 *
 * @returns exit status: 0 when all is right, 1 otherwise
 */
export async function check(argv: readonly string[]): Promise<number> {
  const command = commandLine('kernscale check', 'Check rule files')
    .argument('[files...]', 'files, folders, or patterns such as rules/*.yaml')
    .option('--json', 'print one JSON object in place of text');
  const flags = parseFlags<{ json?: boolean }>(command, argv);
  if (!flags) return 0;
  if (command.args.length === 0) {
    throw new KernscaleError(
      'BAD_FLAG',
      'no rule files given; for example: kernscale check rules/scaling/*.yaml',
    );
  }
  const { groups, errors } = await loadRuleFiles(command.args);
  if (flags.json) {
    process.stdout.write(`${JSON.stringify({ rules: countRules(groups), errors })}\n`);
  } else if (errors.length > 0) {
    for (const error of errors) process.stderr.write(`${formatRuleError(error)} [${error.code}]\n`);
    process.stderr.write(`FAILED: ${errors.length} error${errors.length === 1 ? '' : 's'}\n`);
  } else {
    process.stdout.write(`SUCCESS: ${countRules(groups)} rules found\n`);
  }
  return errors.length > 0 ? 1 : 0;
}

function countRules(groups: readonly { readonly rules: readonly unknown[] }[]): number {
  return groups.reduce((sum, { rules }) => sum + rules.length, 0);
}
