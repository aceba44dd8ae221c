#!/usr/bin/env node
import { LIST_FLAGS } from '../common/flags.js';
import { packageVersion, runMain } from '../common/main.js';
import { KernscaleError } from '../common/errors.js';
import { completion } from './commands/completion.js';
import { suggestion } from './rules/suggestion.js';

interface Entry {
  readonly usage: string;
  readonly summary: string;
  /** A command is loaded when it runs: each needs other modules, and some of them take half a second. */
  readonly load: () => Promise<(argv: readonly string[]) => Promise<number>>;
}

const COMMANDS: Readonly<Record<string, Entry>> = {
  check: {
    usage: 'check FILES…',
    summary: 'Check rule files',
    load: async () => (await import('./commands/check.js')).check,
  },
  test: {
    usage: 'test FILES…',
    summary: 'Run unit tests of rules',
    load: async () => (await import('./commands/test.js')).test,
  },
  explain: {
    usage: 'explain TARGET',
    summary: 'Explain the decision about a workload',
    load: async () => (await import('./commands/explain.js')).explain,
  },
  backtest: {
    usage: 'backtest FILES…',
    summary: 'Replay rules over the past',
    load: async () => (await import('./commands/backtest.js')).backtest,
  },
  simulate: {
    usage: 'simulate FILES…',
    summary: 'Run a rule against a model of a workload',
    load: async () => (await import('./commands/simulate.js')).simulate,
  },
  import: {
    usage: 'import FILES…',
    summary: 'Write rules for what HPA and KEDA scale',
    load: async () => (await import('./commands/import.js')).importAutoscalers,
  },
  compare: {
    usage: 'compare FILES…',
    summary: 'Compare what HPA or KEDA did with what rules would have done',
    load: async () => (await import('./commands/compare.js')).compare,
  },
  adopt: {
    usage: 'adopt WORKLOAD',
    summary: 'Say how to hand a workload over to its rule',
    load: async () => (await import('./commands/adopt.js')).adopt,
  },
  completion: {
    usage: 'completion SHELL',
    summary: 'Print a script that completes commands and flags in bash, zsh or fish',
    load: () => Promise.resolve(completion),
  },
};

/** Columns of the longest usage, and of the gap after it. */
const USAGE_COLUMNS = 18;

const HELP = `Usage: kernscale COMMAND [OPTIONS]

Commands:
${Object.values(COMMANDS)
  .map(({ usage, summary }) => `  ${usage.padEnd(USAGE_COLUMNS)} ${summary}\n`)
  .join('')}
Options:
  -h, --help         Show this help
  --version          Show the version

Run "kernscale COMMAND --help" for the flags of a command.
`;

/** What the first argument prints, when it is no command. */
const PRINTED: Readonly<Record<string, () => string>> = {
  '--help': () => HELP,
  '-h': () => HELP,
  help: () => HELP,
  '--version': () => `${packageVersion()}\n`,
  [LIST_FLAGS]: () =>
    Object.entries(COMMANDS)
      .map(([name, { summary }]) => `${name}\t${summary}\n`)
      .join(''),
};

async function main([name = '', ...rest]: readonly string[]): Promise<number> {
  if (Object.hasOwn(PRINTED, name)) {
    process.stdout.write(PRINTED[name]!());
    return 0;
  }
  if (Object.hasOwn(COMMANDS, name)) return (await COMMANDS[name]!.load())(rest);
  const known = Object.keys(COMMANDS);
  const fault = name === '' ? 'no command given' : `unknown command "${name}"`;
  const advice = suggestion(name, known) || `; commands: ${known.join(', ')}; see --help`;
  throw new KernscaleError('BAD_COMMAND', `${fault}${advice}`);
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
