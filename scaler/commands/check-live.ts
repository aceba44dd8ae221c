import { loadKubeConfig } from '../../common/kubeconfig.js';
import type { LoadedRules } from '../rules/load.js';
import type { RuleError } from '../rules/types.js';
import { lacksOf } from './live.js';
import { readLive } from './live-cluster.js';

/** With what the cluster lacks for the rules, unless these have errors. @param file kubeconfig */
export async function withLive(found: LoadedRules, file: string | undefined): Promise<LoadedRules> {
  if (found.errors.length > 0) return found;
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
