import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { errorMessage, KernscaleError } from '../../common/errors.js';
import { replayBehavior, type BehaviorRow } from './behavior.js';
import { replayReplicas, type ReplicasRow } from './replicas.js';

export interface Report {
  readonly rows: number;
  readonly passed: number;
  /** Rows whose result differs from HPA's. */
  readonly deviations: readonly { readonly id: string; readonly why: string }[];
}

/** A trace of HPA syncs has steps; all other rows are one calculation of replicas. */
type Row = BehaviorRow | ReplicasRow;

/**
 * Replays every vector file of a folder and the folders in it, `*.jsonl` and `*.jsonl.gz`. A row that cannot be
 * replayed counts as a deviation, and the replay continues.
 *
 * @throws KernscaleError `NO_VECTORS` when there is none
 */
export async function runVectors(folder: string): Promise<Report> {
  const deviations: { id: string; why: string }[] = [];
  let rows = 0;
  for (const name of (await readdir(folder, { recursive: true })).sort()) {
    if (!/\.jsonl(\.gz)?$/.test(name)) continue;
    for (const row of await readRows(join(folder, name))) {
      rows++;
      const why = replay(row);
      if (why !== undefined) deviations.push({ id: row.id, why });
    }
  }
  if (rows === 0) throw new KernscaleError('NO_VECTORS', `${folder} holds no vector files`);
  return { rows, passed: rows - deviations.length, deviations };
}

function replay(row: Row): string | undefined {
  try {
    return 'steps' in row ? replayBehavior(row) : replayReplicas(row);
  } catch (error) {
    return `it cannot be replayed: ${errorMessage(error)}`;
  }
}

async function readRows(file: string): Promise<Row[]> {
  const bytes = await readFile(file);
  const text = (file.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString('utf8');
  return text
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => JSON.parse(line) as Row);
}
