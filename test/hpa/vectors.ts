import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { KernscaleError } from '../../common/errors.js';
import { replayBehavior, type BehaviorRow } from './behavior.js';
import { isReplayable, replayReplicas, type ReplicasRow } from './replicas.js';

export interface Report {
  readonly rows: number;
  readonly passed: number;
  readonly deviations: readonly { readonly id: string; readonly why: string }[];
}

interface VectorFile {
  readonly pattern: RegExp;
  readonly applies: (row: unknown) => boolean;
  readonly replay: (row: unknown) => string | undefined;
}

const VECTOR_FILES: readonly VectorFile[] = [
  {
    pattern: /^behavior.*\.jsonl(\.gz)?$/,
    applies: () => true,
    replay: (row) => replayBehavior(row as BehaviorRow),
  },
  {
    pattern: /^replicas.*\.jsonl(\.gz)?$/,
    applies: (row) => isReplayable(row as ReplicasRow),
    replay: (row) => replayReplicas(row as ReplicasRow),
  },
];

/**
 * Replays every vector file of a folder, `behavior*.jsonl` and `replicas*.jsonl`, plain or gzipped.
 *
 * @throws KernscaleError `NO_VECTORS` when there is none
 */
export async function runVectors(folder: string): Promise<Report> {
  const deviations: { id: string; why: string }[] = [];
  let rows = 0;
  for (const name of (await readdir(folder)).sort()) {
    const file = VECTOR_FILES.find(({ pattern }) => pattern.test(name));
    if (!file) continue;
    for (const row of (await readRows(join(folder, name))).filter(file.applies)) {
      rows++;
      const why = file.replay(row);
      if (why !== undefined) deviations.push({ id: (row as { id: string }).id, why });
    }
  }
  if (rows === 0) throw new KernscaleError('NO_VECTORS', `${folder} holds no vector files`);
  return { rows, passed: rows - deviations.length, deviations };
}

async function readRows(file: string): Promise<unknown[]> {
  const bytes = await readFile(file);
  const text = (file.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString('utf8');
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as unknown);
}
