/** What a run says before and after the live view. Its lines fit 80 columns. */
import type { Shadow } from '../hpa/shadow.js';
import type { CpuTruth } from './scenarios.js';

/** A shorter run ends before windows have passed and `cpu` can have grown twice. */
export const SHORTEST = 60;

/** The replicas of a workload from this second of a run on. */
export interface Change {
  readonly second: number;
  readonly replicas: number;
}

export type Changes = ReadonlyMap<string, readonly Change[]>;

/** Of a workload that came and went for days, the first and the newest count. */
const MOST_CHANGES = 100;

/** @returns with the replicas of now, where they differ from those before */
export function withReplicas(changes: Changes, workload: string, change: Change): Changes {
  const before = changes.get(workload) ?? [];
  if (before.at(-1)?.replicas === change.replicas) return changes;
  const kept = [...before.slice(0, 1), ...before.slice(1).slice(-MOST_CHANGES), change];
  return new Map([...changes, [workload, kept]]);
}

/** What will be shown, and how to read it. */
export function introduction({ alone, withChain, peakFrom }: CpuTruth, legend: string): string[] {
  return [
    'Kernscale scales five workloads on this machine, by what their threads wait for:',
    `  cpu    burns CPU             needs ${alone} replicas, and ${withChain} once chain calls it`,
    '  disk   waits for its disk    stays at 1',
    '  chain  calls cpu, and waits  stays at 1',
    '  lock   waits for a lock      stays at 1',
    '  idle   does nothing          shrinks from 3 to 1',
    `Load on chain starts after ${peakFrom} s. Each bar shows what threads do:`,
    `  ${legend}`,
  ];
}

/** @returns undefined for a run that is long enough */
export function tooShort(forSeconds: number | undefined): string | undefined {
  if (forSeconds === undefined || forSeconds >= SHORTEST) return undefined;
  return `${forSeconds} s are too short to judge: windows and learning need ${SHORTEST} s (--for ${SHORTEST}s)`;
}

/** The bottleneck, then what each workload needs, got, and would have got from an HPA. */
export function conclusion(
  changes: Changes,
  shadows: ReadonlyMap<string, Shadow | undefined>,
  { alone, withChain, peakFrom }: CpuTruth,
  second: number,
): string[] {
  const isPeak = second >= peakFrom;
  const needs: Readonly<Record<string, string>> = {
    cpu: isPeak ? `${withChain}: with the calls of chain` : `${alone}: its load`,
    disk: '1: waits for its disk',
    chain: isPeak ? '1: waits for cpu' : '1: has no load yet',
    lock: '1: waits for its lock',
    idle: '1: does nothing',
  };
  const row = (cells: readonly string[]) =>
    cells
      .map((cell, index) => cell.padEnd([9, 28, 24, 0][index]!))
      .join(' ')
      .trimEnd();
  return [
    headline(changes),
    row(['workload', 'needs', 'Kernscale', 'an HPA on CPU']),
    ...Object.entries(needs).map(([workload, need]) =>
      row([workload, need, history(changes.get(workload) ?? []), wish(shadows.get(workload))]),
    ),
  ];
}

function headline(changes: Changes): string {
  const [cpu, chain] = ['cpu', 'chain'].map((workload) => changes.get(workload) ?? []);
  const [first, last] = [cpu![0]?.replicas ?? 0, cpu!.at(-1)?.replicas ?? 0];
  if (last <= first) return `The bottleneck is cpu. It has not grown yet: ${last}.`;
  const waiter =
    chain!.length === 1 ? `stayed at ${chain![0]!.replicas}` : `went to ${chain!.at(-1)?.replicas ?? 0}`;
  return `The bottleneck is cpu: ${first} → ${last} replicas. chain, which waits for it, ${waiter}.`;
}

/** `1 → 2 → 4 (51 s)`, with the second of the last change. */
function history(changes: readonly Change[]): string {
  const last = changes.at(-1);
  if (!last) return 'not seen';
  const numbers = changes.map(({ replicas }) => String(replicas));
  const shown = numbers.length > 4 ? [numbers[0]!, '…', ...numbers.slice(-2)] : numbers;
  return changes.length === 1 ? `${last.replicas}` : `${shown.join(' → ')} (${last.second} s)`;
}

function wish(shadow: Shadow | undefined): string {
  if (!shadow) return 'no CPU metrics';
  const { most, last } = shadow;
  return most.wanted > last.wanted ? `${last.wanted}, most ${most.wanted}` : `${last.wanted}`;
}
