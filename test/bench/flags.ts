import type { Option } from 'commander';
import { commandLine, flag, parseFlags } from '../../common/flags.js';

/**
 * Parses the flags of `npm run bench:NAME`, `--json` included; undefined if `--help` was requested.
 *
 * @throws KernscaleError `BAD_FLAG`
 */
// eslint-disable-next-line @typescript-eslint/no-unnecessary-type-parameters -- a typed result, as commander's opts()
export function benchFlags<T extends object>(
  name: string,
  description: string,
  argv: readonly string[],
  more: readonly Option[] = [],
): (T & { readonly json?: boolean }) | undefined {
  const command = commandLine(`npm run bench:${name} --`, description);
  command.addOption(flag('--json', 'Print one JSON object instead of a table'));
  for (const option of more) command.addOption(option);
  return parseFlags(command, argv);
}

/** Parses a flag's positive integer. */
export function positive(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 1) throw new RangeError('expected an integer of at least 1');
  return value;
}
