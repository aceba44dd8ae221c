import { parentPort, workerData } from 'node:worker_threads';
import { gzipSync } from 'node:zlib';
import { ProcessFiles } from './files.js';
import { pprof } from './pprof.js';
import { folded, type Profile } from './profile.js';
import type { Recording } from './recording.js';
import type { ProfileFormat } from './request.js';
import { findSymbols } from './symbols.js';

/** What is left to do once the samples are taken. */
export interface Unfinished extends Omit<Profile, 'symbols'> {
  readonly recording: Recording;
  /** Names of the kernel's frames, by index. */
  readonly kernelNames: ReadonlyMap<number, string>;
  readonly format: ProfileFormat;
  readonly procfs: string;
  /** The processes that were sampled. */
  readonly pids: readonly number[];
}

/*
 * A thread of its own: symbol tables are large, and files of containers are read, which take as long as whoever serves
 * them likes.
 */
const unfinished = workerData as Unfinished;
parentPort!.postMessage(finish(unfinished));

function finish({ kernelNames, format, procfs, pids, ...profile }: Unfinished): Uint8Array {
  const found = findSymbols(profile.recording.frames, new ProcessFiles(procfs, pids));
  const symbols = { ...found, names: new Map([...kernelNames, ...found.names]) };
  const notes = [...profile.notes, ...found.unreadable.map((path) => `no symbols: ${path} cannot be read`)];
  const named = { ...profile, symbols, notes };
  return format === 'folded' ? Buffer.from(folded(named)) : gzipSync(pprof(named));
}
