#!/usr/bin/env node
import { runMain } from '../common/main.js';
import { KernscaleError } from '../common/errors.js';
import { adopt } from './commands/adopt.js';
import { backtest } from './commands/backtest.js';
import { check } from './commands/check.js';
import { compare } from './commands/compare.js';
import { explain } from './commands/explain.js';
import { importAutoscalers } from './commands/import.js';
import { simulate } from './commands/simulate.js';
import { test } from './commands/test.js';

const COMMANDS: Record<string, (argv: readonly string[]) => Promise<number>> = {
  check,
  test,
  explain,
  backtest,
  simulate,
  import: importAutoscalers,
  compare,
  adopt,
};

const HELP = `Usage: kernscale COMMAND [OPTIONS]

Commands:
  check FILES…     Check rule files
  test FILES…      Run unit tests of rules
  explain TARGET   Explain the decision about a workload
  backtest FILES…  Replay rules over the past
  simulate FILES…  Run a rule against a model of a workload
  import FILES…    Write rules for what HPA and KEDA scale
  compare FILES…   Compare what HPA or KEDA did with what rules would have done
  adopt WORKLOAD   Say how to hand a workload over to its rule

Run "kernscale COMMAND --help" for the flags of a command.
`;

async function main([name, ...rest]: readonly string[]): Promise<number> {
  if (name === '--help' || name === '-h' || name === 'help') {
    process.stdout.write(HELP);
    return 0;
  }
  const command = name !== undefined && Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  if (command) return command(rest);
  const known = Object.keys(COMMANDS).join(', ');
  const fault = name === undefined ? 'no command given' : `unknown command "${name}"`;
  throw new KernscaleError('BAD_COMMAND', `${fault}; commands: ${known}; see --help`);
}

/** Exit status that shells report for a program ended by SIGPIPE. */
const BROKEN_PIPE = 141;

/** Exits on a closed pipe (`| head`) or a full disk, which are no defects that need a stack trace. */
function exitOnOutputError(): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(BROKEN_PIPE);
    process.stderr.write(`kernscale: cannot write to standard output: ${error.message} [CANNOT_WRITE]\n`);
    process.exit(1);
  });
  process.stderr.on('error', () => process.exit(1));
}

exitOnOutputError();

/** A wrong command line exits with status 2, as in promtool; errors in files and queries exit with 1. */
await runMain('kernscale', main, 2);
