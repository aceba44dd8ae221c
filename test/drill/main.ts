/**
 * Every dependency of the scaler × what may happen to it, on real processes: `npm run drill [-- --json] [--dependency NAME…]`.
 * Prints wrong changes, how soon the cause was named, and how soon the scaler was right again, without a restart.
 */
import { commandLine, flag, parseFlags } from '../../common/flags.js';
import { KernscaleError } from '../../common/errors.js';
import { runMain, terminationSignal } from '../../common/main.js';
import { CASES, LEADER_CASES } from './cases.js';
import { Drill, type Case, type Dependency, type Result } from './drill.js';

interface Flags {
  readonly json?: boolean;
  readonly dependency?: readonly Dependency[];
}

function print(results: readonly Result[]): void {
  console.log('| dependency | fault | wrong changes | named after | recovered after | memory |');
  console.log('| ---------- | ----- | ------------- | ----------- | --------------- | ------ |');
  for (const { dependency, fault, wrong, named, recovered, memory } of results) {
    const after = (seconds: number | undefined) => (seconds === undefined ? '-' : `${seconds.toFixed(1)} s`);
    const cells = [dependency, fault, wrong, after(named?.after), after(recovered), `${memory} MiB`];
    console.log(`| ${cells.join(' | ')} |`);
  }
}

async function playAll(drill: Drill, cases: readonly Case[]): Promise<Result[]> {
  const results: Result[] = [];
  await drill.start();
  for (const [index, one] of cases.entries()) {
    process.stderr.write(`${index + 1}/${cases.length} ${one.dependency}: ${one.fault}… `);
    const result = await drill.play(one);
    results.push(result);
    process.stderr.write(`${isGood(one, result) ? 'ok' : 'FAIL'}\n`);
  }
  return results;
}

/** Plays the cases on real processes, which are gone afterwards, even if it is interrupted. */
async function drilled(cases: readonly Case[], scalers: number): Promise<Result[]> {
  if (cases.length === 0) return [];
  const drill = new Drill(scalers);
  try {
    return await Promise.race([playAll(drill, cases), interrupted()]);
  } finally {
    await drill.stop();
  }
}

function isGood({ named }: Case, result: Result): boolean {
  return result.wrong === 0 && result.recovered !== undefined && (!named || result.named !== undefined);
}

async function interrupted(): Promise<never> {
  await terminationSignal();
  throw new KernscaleError('INTERRUPTED', 'interrupted before the drill was over');
}

async function main(argv: readonly string[]): Promise<number> {
  const all = [...CASES, ...LEADER_CASES];
  const dependencies = [...new Set(all.map(({ dependency }) => dependency))];
  const command = commandLine('npm run drill --', 'Injects faults into all that the scaler depends on')
    .addOption(flag('--json', 'Print one line of JSON instead of a table'))
    .addOption(flag('--dependency <name...>', 'Only these').choices(dependencies));
  const flags = parseFlags<Flags>(command, argv);
  if (!flags) return 0;
  const isWanted = ({ dependency }: Case) => flags.dependency?.includes(dependency) ?? true;
  const [alone, leading] = [CASES.filter(isWanted), LEADER_CASES.filter(isWanted)];
  const results = [...(await drilled(alone, 1)), ...(await drilled(leading, 2))];
  if (flags.json) console.log(JSON.stringify({ name: 'drill', rows: results }));
  else print(results);
  const cases = [...alone, ...leading];
  return results.every((result, index) => isGood(cases[index]!, result)) ? 0 : 1;
}

await runMain('drill', main);
