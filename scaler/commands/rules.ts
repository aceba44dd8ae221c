import { KernscaleError } from '../../common/errors.js';
import { formatRuleError, loadRuleFiles } from '../rules/load.js';
import type { RuleGroup } from '../rules/types.js';

/**
 * The rules of files; undefined when they have errors, which are on standard error then.
 *
 * @throws KernscaleError `RULES_EMPTY` when there is no rule in them
 */
export async function loadRulesOrTell(files: readonly string[]): Promise<readonly RuleGroup[] | undefined> {
  const { groups, errors } = await loadRuleFiles(files);
  for (const error of errors) process.stderr.write(`${formatRuleError(error)} [${error.code}]\n`);
  if (errors.length > 0) return undefined;
  if (groups.every(({ rules }) => rules.length === 0)) {
    throw new KernscaleError('RULES_EMPTY', `there are no rules in ${files.join(', ')}`);
  }
  return groups;
}
