#!/usr/bin/env node
import { commandLine, flag, parseFlags, seconds } from '../../common/flags.js';
import { KernscaleError } from '../../common/errors.js';
import { runMain, terminationSignal } from '../../common/main.js';
import { formatRuleError, loadRuleFiles } from '../../scaler/rules/load.js';
import { cpuTruth } from './demo.js';
import { startLoop, urlOf, type Loop } from './loop.js';
import { fromRoot, PROMETHEUS } from '../paths.js';
import { preflight } from './preflight.js';
import { judge, type Verdict } from './scenarios.js';
import { lineView, terminalView } from './terminal.js';
import { watch } from './watch.js';

interface Options {
  for?: number;
  json?: boolean;
  rules: string;
}

function parseOptions(argv: readonly string[]): Options | undefined {
  const command = commandLine(
    'npm start --',
    'Runs the whole of Kernscale on this machine, without a cluster.',
  )
    .addOption(
      flag('--for <duration>', 'End after this long with a verdict per workload', undefined, seconds),
    )
    .addOption(flag('--json', 'Print the verdicts as one JSON object, last on standard output'))
    .addOption(flag('--rules <path>', 'Scaling rules to run', fromRoot('rules/scaling')));
  const options = parseFlags<Options>(command, argv);
  if (options?.json && options.for === undefined) {
    throw new KernscaleError('BAD_FLAG', '--json prints the verdicts of a run that ends, so it needs --for');
  }
  return options;
}

async function main(argv: readonly string[]): Promise<number> {
  const options = parseOptions(argv);
  if (!options) return 0;
  preflight(PROMETHEUS);
  await checkRules(options.rules);
  const stopping = new AbortController();
  const stop = () => {
    stopping.abort();
  };
  void terminationSignal().then(stop);
  // The terminal was closed, or whoever read our output has gone (`| head`): nobody is watching any more.
  process.on('SIGHUP', stop);
  for (const output of [process.stdout, process.stderr]) output.on('error', stop);
  try {
    return await run(options, stopping.signal);
  } catch (error) {
    if (!stopping.signal.aborted) throw error;
    // Told to end: whatever start-up was waiting for failed because of that, and is no news.
    if (options.for === undefined) return 0;
    throw new KernscaleError('INTERRUPTED', 'ended before its time was up, so there is no verdict');
  }
}

/** The scaler would refuse them, too, but it is started last. */
async function checkRules(path: string): Promise<void> {
  const { errors } = await loadRuleFiles([path]);
  if (errors.length > 0) throw new KernscaleError('RULES_INVALID', errors.map(formatRuleError).join('\n'));
}

async function run(options: Options, signal: AbortSignal): Promise<number> {
  const redraws = process.stderr.isTTY && process.env['TERM'] !== 'dumb' && !options.json;
  const view = redraws ? terminalView(process.stderr) : lineView(process.stderr);
  let loop: Loop | undefined;
  try {
    loop = await startLoop({ rules: options.rules, signal, notice: view.notice });
    view.addresses(addresses(loop));
    const { seen, chainFrom } = await watch(loop, view, options.for, signal);
    if (options.for === undefined) return 0;
    signal.throwIfAborted();
    view.close();
    const allRight = report(judge(seen, cpuTruth(chainFrom)), options.json ?? false);
    return allRight && everythingRuns(loop) ? 0 : 1;
  } finally {
    view.close();
    process.stderr.write('ending: pods, probes and files are being removed\n');
    await loop?.stop();
  }
}

function addresses(loop: Loop): string[] {
  const pid = (name: string) => loop.programs.find((program) => program.name === name)?.running.pid ?? '?';
  return [
    `decisions   ${urlOf(loop.ports.scaler)}/           pid ${pid('the scaler')}`,
    `metrics     ${urlOf(loop.ports.exporter)}/metrics    pid ${pid('the exporter')}`,
    `Prometheus  ${urlOf(loop.ports.prometheus)}/           pid ${pid('Prometheus')}`,
    `cluster     KUBECONFIG=${loop.kubeconfig} kubectl -n shop get deploy,pods`,
  ];
}

/** What was seen while a program was dead is no proof of anything, however right it looks. */
function everythingRuns(loop: Loop): boolean {
  return loop.programs.every(({ running }) => !running.hasExited());
}

/** @returns whether every workload was treated rightly */
function report(verdicts: readonly Verdict[], json: boolean): boolean {
  for (const { workload, expected, actual, ok, seconds: at } of verdicts) {
    const line = `${ok ? 'ok    ' : 'WRONG '} ${workload.padEnd(6)} ${expected}: ${actual} (${at} s)`;
    (json ? process.stderr : process.stdout).write(`${line}\n`);
  }
  if (json) process.stdout.write(`${JSON.stringify({ scenarios: verdicts })}\n`);
  return verdicts.every(({ ok }) => ok);
}

await runMain('npm start', main);
