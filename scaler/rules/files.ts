import { readdir, readFile, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { text } from 'node:stream/consumers';
import { KernscaleError } from '../../common/errors.js';

const STANDARD_INPUT = '-';

/** Reads a file as text; `-` is standard input. */
export function readText(file: string): Promise<string> {
  return file === STANDARD_INPUT ? text(process.stdin) : readFile(file, 'utf8');
}

/**
 * The files that a path stands for, in the order of their names.
 *
 * @param path a file, `-`, a folder (its *.yaml and *.yml), or a pattern with * and ? in its last part
 * @throws KernscaleError `RULE_FILE_UNREADABLE` when it stands for none
 */
export async function expandPaths(path: string): Promise<string[]> {
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
