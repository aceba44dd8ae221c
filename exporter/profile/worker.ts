import { parentPort, workerData } from 'node:worker_threads';
import { gzipSync } from 'node:zlib';
import { ProcessFiles } from './files.js';
import { folded, pprof } from './profile.js';
import type { WorkerInput } from './profiler.js';
import { findSymbols } from './symbols.js';

/*
 * Runs in a thread of its own: symbol tables are large, and reading a container's file takes as long as its file system
 * likes.
 */
parentPort!.postMessage(finish(workerData as WorkerInput));

function finish({ kernelNames, format, procfs, pids, ...profile }: WorkerInput): Uint8Array {
  const found = findSymbols(profile.recording.frames, new ProcessFiles(procfs, pids));
  const symbols = { ...found, names: new Map([...kernelNames, ...found.names]) };
  const notes = [...profile.notes, ...found.unreadable.map((path) => `no symbols: ${path} cannot be read`)];
  const named = { ...profile, symbols, notes };
  return format === 'folded' ? Buffer.from(folded(named)) : gzipSync(pprof(named));
}
