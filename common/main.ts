import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { seeText } from './error-codes/registry.js';
import { errorMessage, KernscaleError } from './errors.js';

const USAGE_ERRORS = new Set(['BAD_FLAG', 'BAD_COMMAND']);

/**
 * Runs a program's main function; reports what it throws in one sentence on standard error, with the address of its code
 * in the reference, and exits with status 1. The stack is printed only if `KERNSCALE_DEBUG` is set.
 *
 * @param usageStatus exit status for a wrong command line
 */
export async function runMain(
  program: string,
  main: (argv: readonly string[]) => Promise<number>,
  usageStatus = 1,
): Promise<void> {
  try {
    process.exitCode = await main(process.argv.slice(2));
  } catch (error) {
    const code = error instanceof KernscaleError ? error.code : '';
    process.stderr.write(`${program}: ${errorMessage(error)}${code && ` [${code}]`}\n${seeText([code])}`);
    if (process.env['KERNSCALE_DEBUG'] && error instanceof Error)
      process.stderr.write(`${error.stack ?? ''}\n`);
    process.exitCode = USAGE_ERRORS.has(code) ? usageStatus : 1;
  }
}

/** Ctrl-C on a terminal reaches a program twice if its parent process forwards the signal, too. */
const ECHO_MS = 2000;

/** Resolves with the first SIGINT or SIGTERM; another one more than 2 s later exits at once. */
export async function terminationSignal(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    let first: number | undefined;
    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      process.on(signal, () => {
        first ??= performance.now();
        if (performance.now() - first > ECHO_MS) process.exit(1);
        resolve(signal);
      });
    }
  });
}

/** Folder of package.json, above the sources and the compiled files. */
export function packageRoot(): string {
  let folder = import.meta.dirname;
  while (!existsSync(path.join(folder, 'package.json')) && folder !== path.dirname(folder)) {
    folder = path.dirname(folder);
  }
  return folder;
}

export function packageVersion(): string {
  try {
    const text = readFileSync(path.join(packageRoot(), 'package.json'), 'utf8');
    return (JSON.parse(text) as { version: string }).version;
  } catch {
    return 'unknown';
  }
}
