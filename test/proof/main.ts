/**
 * Kernscale against its rivals: `npm run proof -- [--json] [--scenario NAME…] [--controller NAME…] [--seed N] [--load FILE…]
 * [--graphs N] [--orders] [--write]`. Prints a table per scenario, then what has become of the goals.
 */
import { KernscaleError } from '../../common/errors.js';
import { commandLine, flag, parseFlags } from '../../common/flags.js';
import { runMain } from '../../common/main.js';
import { RIVALS } from './controllers.js';
import { EVIDENCE_SEED, writeEvidence, type Findings } from './evidence.js';
import { goalsOf, NEED } from './goals.js';
import { FAULTS } from './graphs.js';
import type { ControllerName } from './play.js';
import { performAll } from './pool.js';
import { goalTable, graphTable, scenarioTable, sumTable } from './report.js';
import { scenarioNames } from './scenarios.js';
import { nameOf, type OrderLine, type Task } from './tasks.js';

const CONTROLLERS: readonly ControllerName[] = ['kernscale', ...RIVALS];
/** Seeds of graphs that a run of a few minutes has time for. */
const FEW_GRAPHS = 4;

interface Flags {
  readonly json?: boolean;
  readonly orders?: boolean;
  readonly write?: boolean;
  readonly scenario?: readonly string[];
  readonly controller?: readonly ControllerName[];
  readonly seed: number;
  readonly load?: readonly string[];
  readonly graphs?: number;
}

function flagsOf(argv: readonly string[]): Flags | undefined {
  const command = commandLine('npm run proof --', 'Run Kernscale and its rivals in scenarios of known truth')
    .addOption(flag('--json', 'Print one line of JSON instead of tables'))
    .addOption(flag('--scenario <name...>', 'Only these scenarios, and no graphs').choices(scenarioNames()))
    .addOption(flag('--controller <name...>', 'Only these controllers').choices(CONTROLLERS))
    .addOption(flag('--seed <number>', 'Seed of the scenarios, and of the first graph', EVIDENCE_SEED, whole))
    .addOption(
      flag(
        '--load <file...>',
        'Scale a service under the load of a file, one number of requests a second a line',
      ),
    )
    .addOption(
      flag(
        '--graphs <number>',
        `Seeds of random graphs, each with every fault; default ${FEW_GRAPHS}, or 0 where scenarios or loads are given`,
        undefined,
        whole,
      ),
    )
    .addOption(flag('--orders', 'Print every order too, with what was needed and why it was given'))
    .addOption(flag('--write', 'Write docs/evidence.md and its plots'));
  return parseFlags<Flags>(command, argv);
}

function whole(text: string): number {
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw new RangeError('expected a whole number');
}

function tasksOf({ scenario, controller = CONTROLLERS, seed, load, graphs }: Flags): Task[] {
  const isSelected = scenario !== undefined || load !== undefined;
  const names = scenario ?? (load ? [] : scenarioNames());
  const seeds = Array.from({ length: graphs ?? (isSelected ? 0 : FEW_GRAPHS) }, (_, index) => seed + index);
  const hasOurs = controller.includes('kernscale');
  const all = [...controller, NEED] as const;
  return [
    ...names.flatMap((name) => all.map((one) => ({ scenario: name, controller: one, seed }))),
    ...(load ?? []).flatMap((file) => all.map((one) => ({ load: file, controller: one, seed }))),
    ...(hasOurs ? seeds : []).flatMap((one) =>
      [...FAULTS, 'night' as const].map((graph) => ({ graph, seed: one })),
    ),
  ];
}

function print({ rows, graphs, goals }: Findings): void {
  for (const name of new Set(rows.map(({ scenario }) => scenario))) {
    console.log(`\n${name}\n`);
    console.log(scenarioTable(rows.filter(({ scenario }) => scenario === name)).join('\n'));
  }
  if (rows.length > 0) console.log(`\nall scenarios\n\n${sumTable(rows).join('\n')}`);
  if (graphs.length > 0) console.log(`\nrandom graphs\n\n${graphTable(graphs).join('\n')}`);
  console.log(`\ngoals\n\n${goalTable(goals).join('\n')}`);
}

function printOrders(orders: readonly OrderLine[]): void {
  console.log('');
  for (const { task, at, service, from, to, need, isWrong, reason } of orders) {
    const remark = isWrong ? ' WRONG' : '';
    console.log(`${task}, ${at} s: ${service} ${from} → ${to}, needs ${need.toFixed(1)}${remark} ${reason}`);
  }
}

async function main(argv: readonly string[]): Promise<number> {
  const flags = flagsOf(argv);
  if (!flags) return 0;
  const isPartial = flags.scenario ?? flags.controller ?? flags.load;
  if (flags.write && (isPartial || flags.seed !== EVIDENCE_SEED)) {
    throw new KernscaleError('BAD_FLAG', '--write takes all scenarios and controllers at the default seed');
  }
  const tasks = tasksOf(flags);
  const results = await performAll(tasks, (task, finished) => {
    process.stderr.write(`${finished}/${tasks.length} ${nameOf(task)}\n`);
  });
  const played = results.flatMap(({ row }) => row ?? []);
  const graphs = results.flatMap(({ graph }) => graph ?? []);
  const findings = { rows: played, graphs, goals: goalsOf(played, graphs) };
  const rows = played.filter(({ controller }) => controller !== NEED);
  if (flags.json) console.log(JSON.stringify({ ...findings, rows }));
  else print(findings);
  if (flags.orders && !flags.json)
    printOrders(results.flatMap(({ row, orders }) => (row?.controller === NEED ? [] : orders)));
  if (flags.write) writeEvidence(findings);
  return 0;
}

await runMain('proof', main);
