#!/usr/bin/env node
import { spawnSync } from 'node:child_process';
import { KernscaleError } from '../../common/errors.js';
import { commandLine, flag, parseFlags, seconds } from '../../common/flags.js';
import { runMain, terminationSignal } from '../../common/main.js';
import { Controller } from '../hpa/controller.js';
import { describe, HEADING } from '../hpa/shadow.js';
import { fromRoot } from '../paths.js';
import { cpuTruth, loads } from './demo.js';
import { NAMESPACE, preflight, startLoop, type Loop } from './loop.js';
import { IN_TIME } from './observe.js';
import { outcomes, STEP, type Outcome } from './outcome.js';
import { urlOf } from './programs.js';
import { checkScenarios, type ScenarioResult } from './scenarios.js';
import { conclusion, introduction, tooShort } from './story.js';
import { LEGEND, lineView, terminalView } from './view.js';
import { peakOf, watch, type Shadows, type Watched } from './watch.js';

interface Options {
  for?: number;
  json?: boolean;
  hpa?: boolean;
  rules: string;
}

function parseOptions(argv: readonly string[]): Options | undefined {
  const command = commandLine('npm start --', 'Runs all of Kernscale on this machine, without a cluster.')
    .addOption(
      flag('--for <duration>', 'Stop after this long and print one result per workload', undefined, seconds),
    )
    .addOption(flag('--json', 'Print the results as one JSON object on the last line of standard output'))
    .addOption(flag('--hpa', 'Let HPAs on CPU scale the workloads, and Kernscale only decide'))
    .addOption(flag('--rules <path>', 'File or folder of scaling rules', fromRoot('rules/scaling')));
  const options = parseFlags<Options>(command, argv);
  if (options?.json && options.for === undefined) {
    throw new KernscaleError('BAD_FLAG', '--json prints the results of a timed run, so it needs --for');
  }
  if (options?.hpa && options.for === undefined) {
    throw new KernscaleError('BAD_FLAG', '--hpa prints what a timed run has come to, so it needs --for');
  }
  return options;
}

async function main(argv: readonly string[]): Promise<number> {
  const options = parseOptions(argv);
  if (!options) return 0;
  preflight();
  checkRules(options.rules);
  const stopping = new AbortController();
  const stop = () => {
    stopping.abort();
  };
  void terminationSignal().then(stop);
  // A closed terminal or a closed pipe (`| head`): nothing reads the output any more.
  process.on('SIGHUP', stop);
  for (const output of [process.stdout, process.stderr]) output.on('error', stop);
  try {
    return await run(options, stopping.signal);
  } catch (error) {
    // After a signal, start-up fails because its programs are gone; that is no news.
    if (!stopping.signal.aborted) throw error;
    if (options.for === undefined) return 0;
    throw new KernscaleError('INTERRUPTED', 'interrupted before the run was over, so there are no results');
  }
}

/** The scaler rejects wrong rules, too, but it starts last. */
function checkRules(path: string): void {
  const command = [fromRoot('dist/scaler/cli.js'), 'check', '--lint=none', path];
  const { status, stderr } = spawnSync(process.execPath, command, { encoding: 'utf8' });
  if (status !== 0) throw new KernscaleError('RULES_INVALID', stderr.trim());
}

async function run(options: Options, signal: AbortSignal): Promise<number> {
  const redraws = process.stderr.isTTY && process.env['TERM'] !== 'dumb' && !options.json;
  const view = redraws ? terminalView(process.stderr) : lineView(process.stderr);
  const short = tooShort(options.for);
  const truth = cpuTruth(peakOf(options.for));
  for (const line of introduction(truth, LEGEND)) view.notice(line);
  if (short !== undefined) view.notice(short);
  let loop: Loop | undefined;
  try {
    loop = await startLoop({
      rules: options.rules,
      dryRun: options.hpa ?? false,
      signal,
      notice: view.notice,
    });
    view.addresses(addresses(loop));
    const hpa = options.hpa ? new Controller() : undefined;
    const watched = await watch(loop, view, options.for, hpa, signal);
    view.close();
    const summary = hpa ? [] : conclusion(watched.changes, watched.shadows, truth, watched.ended);
    if (options.for === undefined) {
      printAll(summary, process.stdout);
      printHpa(watched.shadows, process.stdout);
      return 0;
    }
    signal.throwIfAborted();
    const passed = print({ summary, short, ...(await judge(loop, watched, options)) }, options);
    return passed && everythingRuns(loop) ? 0 : 1;
  } finally {
    view.close();
    process.stderr.write('Stopping: removing pods, probes and temporary files… ');
    await loop?.stop();
    process.stderr.write('done\n');
  }
}

function addresses({ ports, programs, kubeconfig }: Loop): string[] {
  const pid = (name: string) => programs.find((program) => program.name === name)?.running.pid ?? '?';
  return [
    `decisions   ${urlOf(ports.scaler)}/           pid ${pid('the scaler')}`,
    `metrics     ${urlOf(ports.exporter)}/metrics    pid ${pid('the exporter')}`,
    `Prometheus  ${urlOf(ports.prometheus)}/           pid ${pid('Prometheus')}`,
    `cluster     KUBECONFIG=${kubeconfig} kubectl -n ${NAMESPACE} get deploy,pods`,
  ];
}

/** What a timed run has come to; a run that is too short has neither results nor answers to count. */
async function judge(
  loop: Loop,
  { seen, began, peakFrom, shadows }: Watched,
  { for: forSeconds, hpa }: Options,
): Promise<Pick<Results, 'scenarios' | 'outcomes' | 'shadows'>> {
  if (tooShort(forSeconds) !== undefined) return { scenarios: [], outcomes: [], shadows };
  const come = outcomes({ began, peakFrom }, loads(), seen, await loop.inTime(began, STEP));
  return { scenarios: hpa ? [] : checkScenarios(seen, cpuTruth(peakFrom)), outcomes: come, shadows };
}

/** A result observed while a program was down proves nothing. */
function everythingRuns(loop: Loop): boolean {
  return loop.programs.every(({ running }) => !running.hasExited());
}

/** What a timed run ends with. */
interface Results {
  readonly summary: readonly string[];
  /** Why the run proves nothing. */
  readonly short: string | undefined;
  /** Empty where HPAs scaled. */
  readonly scenarios: readonly ScenarioResult[];
  readonly outcomes: readonly Outcome[];
  readonly shadows: Shadows;
}

/** @returns true if every workload was scaled as expected */
function print(
  { summary, short, scenarios, outcomes: come, shadows }: Results,
  { json, hpa }: Options,
): boolean {
  const output = json ? process.stderr : process.stdout;
  printAll(short === undefined ? summary : [short, ...summary], output);
  for (const { workload, expected, actual, ok, seconds: at } of scenarios) {
    const line = `${ok ? 'ok  ' : 'FAIL'}  ${workload.padEnd(5)}  expected: ${expected}; observed: ${actual}`;
    output.write(ok ? `${line}; as expected from ${at} s on\n` : `${line}\n`);
  }
  for (const { workload, badSeconds, replicaSeconds } of come)
    output.write(
      `${workload.padEnd(5)}  ${badSeconds} s with fewer than 95 % answered within ${IN_TIME} s, ${replicaSeconds} replica-seconds\n`,
    );
  if (!hpa) printHpa(shadows, output);
  const wishes = [...shadows].map(([workload, shadow]) => ({
    workload,
    most: shadow?.most,
    last: shadow?.last,
  }));
  if (json)
    process.stdout.write(
      `${JSON.stringify({ scenarios, outcomes: come, hpa: hpa ? [] : wishes, ...(short !== undefined && { tooShort: short }) })}\n`,
    );
  return short === undefined && scenarios.every(({ ok }) => ok);
}

function printHpa(shadows: Shadows, output: NodeJS.WritableStream): void {
  const lines = [...shadows].map(([workload, shadow]) => describe(workload, shadow));
  printAll([...HEADING, ...lines], output);
}

function printAll(lines: readonly string[], output: NodeJS.WritableStream): void {
  for (const line of lines) output.write(`${line}\n`);
}

await runMain('npm start', main);
