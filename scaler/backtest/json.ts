import { once } from 'node:events';
import type { Writable } from 'node:stream';
import type { Grid } from '../promql/range.js';
import { CAVEAT } from './report.js';
import { summarise } from './summary.js';
import { UNKNOWN, type Timeline } from './timeline.js';

/**
 * Writes one JSON object: of every workload its summary, and the value of each series at `from`, `from + step`, …; null
 * where nothing is known. Workload by workload, since all of them may be longer than a string can be.
 */
export async function writeJson(out: Writable, timelines: readonly Timeline[], grid: Grid): Promise<void> {
  const { from, step, count } = grid;
  const head = JSON.stringify({ from, to: from + (count - 1) * step, step, caveat: CAVEAT });
  await write(out, `${head.slice(0, -1)},"workloads":[`);
  for (const [index, timeline] of timelines.entries()) {
    await write(out, `${index === 0 ? '' : ','}\n${JSON.stringify(toJson(timeline, grid))}`);
  }
  await write(out, ']}\n');
}

function toJson(timeline: Timeline, grid: Grid) {
  const { workload, group, rule, minReplicas, maxReplicas, proposed, actual, gaps, changes } = timeline;
  return {
    workload,
    group,
    rule,
    minReplicas,
    maxReplicas,
    summary: summarise(timeline, grid),
    changes,
    proposed: Array.from(proposed, known),
    actual: Array.from(actual, known),
    class: Array.from(proposed, (_, index) => timeline.classAt(index) || null),
    gap: Array.from(gaps),
  };
}

function known(replicas: number): number | null {
  return replicas === UNKNOWN ? null : replicas;
}

async function write(out: Writable, text: string): Promise<void> {
  if (!out.write(text)) await once(out, 'drain');
}
