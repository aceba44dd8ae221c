/**
 * Compares the cost of the probes with Debian's tools that measure a part of the same: `npm run bench:probes -- --help`.
 *
 * Ours and the peers take turns, and medians over all rounds are compared, so that other load on the machine affects all
 * of them alike. The cost of an event is the kernel's account of the programs less its account of empty programs that run
 * on the same hook at the same time.
 */
import { execFileSync } from 'node:child_process';
import { KernscaleError } from '../../../common/errors.js';
import { commandLine, flag, parseFlags } from '../../../common/flags.js';
import { runMain, terminationSignal } from '../../../common/main.js';
import { fromRoot } from '../../../sandbox/paths.js';
import { positive } from '../flags.js';
import { Bench, type Measure } from './bench.js';
import { ConnectionsMeasure } from './connections.js';
import { EVENT_COSTS } from './event-costs.js';
import { EventMeasure } from './events.js';
import { MemoryMeasure } from './memory.js';
import { PressureMeasure } from './pressure.js';
import { ReadoutMeasure } from './readout.js';
import { renderTable } from './rows.js';
import { SlowdownMeasure } from './slowdown.js';

interface Options {
  json?: boolean;
  only?: RegExp;
  rounds: number;
}

const MEASURES: readonly Measure[] = [
  ...EVENT_COSTS.map((cost) => new EventMeasure(cost)),
  new SlowdownMeasure(),
  new PressureMeasure(),
  new ReadoutMeasure(),
  new ConnectionsMeasure(),
  new MemoryMeasure(),
];
const DEFAULT_ROUNDS = 7;

function parseOptions(argv: readonly string[]): Options | undefined {
  const names = MEASURES.map(({ name }) => name).join(', ');
  const command = commandLine(
    'npm run bench:probes --',
    'Compares the cost of the probes with libbpf-tools and bpftrace. Needs root; best on a quiet machine.',
  )
    .addOption(flag('--json', 'Print one JSON object instead of a table'))
    .addOption(
      flag(
        '--only <pattern>',
        `Run only the measurements that match the regular expression; all: ${names}`,
        undefined,
        pattern,
      ),
    )
    .addOption(
      flag('--rounds <n>', 'Number of rounds; a round runs each measurement once', DEFAULT_ROUNDS, positive),
    );
  return parseFlags<Options>(command, argv);
}

function pattern(text: string): RegExp {
  return new RegExp(text);
}

async function main(argv: readonly string[]): Promise<number> {
  const options = parseOptions(argv);
  if (!options) return 0;
  const { only, rounds, json } = options;
  const measures = MEASURES.filter(({ name }) => only?.test(name) ?? true);
  if (measures.length === 0)
    throw new KernscaleError(
      'NOTHING_TO_MEASURE',
      `--only matches none of ${MEASURES.map(({ name }) => name).join(', ')}`,
    );
  if (process.getuid?.() !== 0)
    throw new KernscaleError('NOT_ROOT', 'loading BPF programs needs root; run this as root');
  build(measures.flatMap(({ needs }) => needs ?? []));

  await measure(measures, rounds);
  const figures = measures.flatMap((one) => one.figures());
  process.stdout.write(
    json
      ? `${JSON.stringify({ name: 'probes', rows: figures.map(({ row }) => row) })}\n`
      : renderTable(figures),
  );
  return 0;
}

function build(needs: readonly string[]): void {
  const targets = ['build/loads', 'build/baseline', ...needs];
  execFileSync('make', ['-s', '-C', fromRoot('test/bench/probes'), ...targets], { stdio: ['ignore', 2, 2] });
}

async function measure(measures: readonly Measure[], rounds: number): Promise<void> {
  const stopping = new AbortController();
  void terminationSignal().then((name) => {
    stopping.abort(new KernscaleError('INTERRUPTED', `ended by ${name}`));
  });
  const bench = new Bench(stopping.signal);
  try {
    for (let round = 1; round <= rounds; round++) {
      for (const one of measures) {
        process.stderr.write(`round ${round} of ${rounds}: ${one.name}\n`);
        await one.round(bench);
      }
    }
  } catch (error) {
    stopping.signal.throwIfAborted();
    throw error;
  } finally {
    await bench.dispose();
  }
}

await runMain('bench:probes', main);
