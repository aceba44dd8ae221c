#!/usr/bin/env node
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Option } from 'commander';
import { commandLine, flag, parseFlags } from '../../common/flags.js';
import { KernscaleError } from '../../common/errors.js';
import { runMain, terminationSignal } from '../../common/main.js';
import { CACHE, KERNELS } from './kernels.js';
import { passes, runMatrix, type Result } from './matrix.js';
import { renderTables } from './table.js';

interface Options {
  kernel: string[];
  mirror?: string;
  update?: boolean;
  json?: boolean;
}

function parseOptions(argv: readonly string[]): Options | undefined {
  const names = KERNELS.map(({ name }) => name);
  const command = commandLine(
    'npm run test:kernels --',
    "Boots Debian's kernels in software emulation and checks every probe against tasks that measure themselves.",
  )
    .addOption(new Option('--kernel <name...>', 'Kernels to boot').choices(names).default(names))
    .addOption(
      flag('--mirror <url>', "Debian archive to download from; default: the one this machine's apt uses"),
    )
    .addOption(flag('--update', 'Look for packages newer than those in the cache'))
    .addOption(flag('--json', 'Print one JSON object instead of tables'));
  return parseFlags<Options>(command, argv);
}

async function main(argv: readonly string[]): Promise<number> {
  const options = parseOptions(argv);
  if (!options) return 0;
  const stopping = new AbortController();
  void terminationSignal().then(() => {
    stopping.abort(new KernscaleError('INTERRUPTED', 'interrupted before every kernel was booted'));
  });
  const { kernel, json, ...matrix } = options;
  const results = await runMatrix(
    KERNELS.filter(({ name }) => kernel.includes(name)),
    { ...matrix, signal: stopping.signal, progress },
  );
  await keepConsoles(results);
  process.stdout.write(json ? `${JSON.stringify({ kernels: results })}\n` : renderTables(results));
  return results.every(passes) ? 0 : 1;
}

function progress(message: string): void {
  process.stderr.write(`${message}\n`);
}

/** Saves the consoles: the verifier's log is there, too long for a table but needed when a program is refused. */
async function keepConsoles(results: readonly Result[]): Promise<void> {
  const logs = join(CACHE, 'logs');
  await mkdir(logs, { recursive: true });
  for (const { name, console } of results) await writeFile(join(logs, `${name}.log`), console);
}

await runMain('test:kernels', main);
