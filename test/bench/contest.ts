/**
 * Kernscale and HPAs on the same workloads, on the real kernel: `npm run bench:contest [-- --rounds N] [--for DURATION] [--json]`.
 *
 * Each round runs `npm start` twice, scaled by Kernscale and by HPAs on CPU with default behavior, the first one in turns.
 * Both see the same load, from the same cgroups; start-up and peak of the load do not count for either.
 */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { flag, seconds } from '../../common/flags.js';
import { packageRoot, runMain } from '../../common/main.js';
import type { Outcome } from '../../sandbox/loop/outcome.js';
import { benchFlags, positive } from './flags.js';

interface Flags {
  readonly rounds: number;
  readonly for: number;
}

const CONTROLLERS = ['kernscale', 'hpa'] as const;
type Name = (typeof CONTROLLERS)[number];

interface Row extends Outcome {
  readonly controller: Name;
}

async function play(controller: Name, length: number): Promise<Row[]> {
  const args = ['--for', `${length}s`, '--json', ...(controller === 'hpa' ? ['--hpa'] : [])];
  const start = promisify(execFile)('scripts/start.sh', args, { cwd: packageRoot(), maxBuffer: 1 << 26 });
  // The exit code tells whether every workload was scaled as expected; what came of it counts here.
  const { stdout } = await start.catch((error: unknown) => {
    if (error instanceof Error && 'stdout' in error && String(error.stdout).includes('"outcomes"')) {
      return { stdout: String(error.stdout) };
    }
    throw error;
  });
  const { outcomes } = JSON.parse(stdout.trim().split('\n').at(-1)!) as { outcomes: Outcome[] };
  return outcomes.map((outcome) => ({ controller, ...outcome }));
}

async function playAll({ rounds, for: length }: Flags): Promise<Row[]> {
  const rows: Row[] = [];
  for (let round = 0; round < rounds; round++) {
    const order = round % 2 === 0 ? CONTROLLERS : CONTROLLERS.toReversed();
    for (const controller of order) {
      process.stderr.write(`round ${round + 1} of ${rounds}: ${controller}, ${length} s\n`);
      rows.push(...(await play(controller, length)));
    }
  }
  return rows;
}

type Figure = 'badSeconds' | 'replicaSeconds';

function total(rows: readonly Row[], controller: Name, figure: Figure): number {
  return rows.reduce((sum, row) => sum + (row.controller === controller ? row[figure] : 0), 0);
}

function print(rows: readonly Row[]): void {
  console.log('| workload | bad seconds: kernscale | hpa | replica-seconds: kernscale | hpa |');
  console.log('| -------- | ---------------------- | --- | -------------------------- | --- |');
  const line = (name: string, own: readonly Row[]): void => {
    const cells = (['badSeconds', 'replicaSeconds'] as const).flatMap((figure) =>
      CONTROLLERS.map((controller) => total(own, controller, figure)),
    );
    console.log(`| ${[name, ...cells].join(' | ')} |`);
  };
  for (const name of new Set(rows.map(({ workload }) => workload)))
    line(
      name,
      rows.filter(({ workload }) => workload === name),
    );
  line('all', rows);
  const [ours, theirs] = CONTROLLERS.map((controller) => total(rows, controller, 'badSeconds'));
  if (theirs! > 0) console.log(`\n${(ours! / theirs!).toFixed(2)} of HPA's bad seconds`);
}

async function main(argv: readonly string[]): Promise<number> {
  const options = benchFlags<Flags>('contest', 'Scales the demo by Kernscale and by HPAs, in turns.', argv, [
    flag('--rounds <number>', 'Runs of each', 2, positive),
    flag('--for <duration>', 'Length of a run', 180, seconds),
  ]);
  if (!options) return 0;
  const rows = await playAll(options);
  if (options.json) console.log(JSON.stringify({ name: 'contest', rows }));
  else print(rows);
  return 0;
}

await runMain('bench:contest', main);
