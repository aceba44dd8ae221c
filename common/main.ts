import { errorMessage, KernscaleError } from './errors.js';

/**
 * Runs a program's main function and turns what it throws into one sentence on standard error and exit
 * status 1. Only a defect of ours (anything but a KernscaleError) shows a stack, and only when
 * `KERNSCALE_DEBUG` is set.
 */
export async function runMain(
  program: string,
  main: (argv: readonly string[]) => Promise<number>,
): Promise<void> {
  try {
    process.exitCode = await main(process.argv.slice(2));
  } catch (error) {
    const code = error instanceof KernscaleError ? ` [${error.code}]` : '';
    process.stderr.write(`${program}: ${errorMessage(error)}${code}\n`);
    if (process.env['KERNSCALE_DEBUG'] && error instanceof Error)
      process.stderr.write(`${error.stack ?? ''}\n`);
    process.exitCode = 1;
  }
}

/** A terminal's Ctrl-C reaches a program twice when whatever started it passes it on, too. */
const ECHO_MS = 2000;

/** Resolves with the first SIGINT or SIGTERM; one that comes more than 2 s later ends the process at once. */
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
