import { createReadStream } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { errorMessage, KernscaleError } from '../../common/errors.js';
import type { RuleError } from './types.js';

const STANDARD_INPUT = '-';

/** Rule files live in ConfigMaps, which hold at most 1 MiB. */
const MAX_BYTES = 4 * 1024 * 1024;

/**
 * Reads the files that paths stand for, and says of each that cannot be read why.
 *
 * @param paths see `expandPaths`
 */
export async function* readFiles(
  paths: readonly string[],
): AsyncGenerator<{ readonly file: string; readonly text: string } | RuleError> {
  for (const path of paths) {
    try {
      for (const file of await expandPaths(path)) {
        yield await readText(file).then(
          (text) => ({ file, text }),
          (error: unknown) => unreadable(file, error),
        );
      }
    } catch (error) {
      yield unreadable(path, error);
    }
  }
}

function unreadable(file: string, error: unknown): RuleError {
  const place = { file, line: 1, column: 1 };
  if (!(error instanceof KernscaleError)) {
    return { ...place, code: 'RULE_FILE_UNREADABLE', message: `cannot be read: ${errorMessage(error)}` };
  }
  const isLarge = error.code === 'RULE_FILE_TOO_LARGE';
  return { ...place, code: isLarge ? error.code : 'RULE_FILE_UNREADABLE', message: error.message };
}

/**
 * Reads a file as text; `-` is standard input.
 *
 * @throws KernscaleError `RULE_FILE_TOO_LARGE`, also of a file without an end, or `RULE_FILE_UNREADABLE`
 */
async function readText(file: string): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of file === STANDARD_INPUT ? process.stdin : createReadStream(file)) {
    chunks.push(chunk as Buffer);
    bytes += (chunk as Buffer).length;
    if (bytes <= MAX_BYTES) continue;
    const message = `the file is larger than ${MAX_BYTES / 1024 ** 2} MiB; split it`;
    throw new KernscaleError('RULE_FILE_TOO_LARGE', message);
  }
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(chunks));
  } catch {
    throw new KernscaleError('RULE_FILE_UNREADABLE', 'the file is not UTF-8 text; save it as such');
  }
}

/**
 * The files that a path stands for, in the order of their names.
 *
 * @param path a file, `-`, a folder (its *.yaml and *.yml), or a pattern with * and ? in its last part
 * @throws KernscaleError `RULE_FILE_UNREADABLE` when it stands for none
 */
async function expandPaths(path: string): Promise<string[]> {
  if (path === STANDARD_INPUT) return [path];
  const pattern = basename(path);
  if (/[*?]/.test(pattern)) return filesIn(dirname(path), wildcard(pattern), path);
  if ((await stat(path)).isDirectory()) return filesIn(path, /^[^.].*\.ya?ml$/, path);
  return [path];
}

/** Whether a file of this name, in the folder of `path`, can be one that the path stands for. */
export function standsFor(path: string, name: string): boolean {
  return wildcard(basename(path)).test(name) || /\.ya?ml$/.test(name);
}

async function filesIn(folder: string, pattern: RegExp, path: string): Promise<string[]> {
  const names = (await readdir(folder)).filter((name) => pattern.test(name)).sort();
  if (names.length > 0) return names.map((name) => join(folder, name));
  throw new KernscaleError('RULE_FILE_UNREADABLE', `no rule file matches ${path}`);
}

function wildcard(pattern: string): RegExp {
  const escaped = pattern.replace(/[.+^${}()|[\]\\]/g, '\\$&');
  return new RegExp(`^${escaped.replaceAll('*', '.*').replaceAll('?', '.')}$`);
}
