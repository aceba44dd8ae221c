import { createReadStream } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { errorMessage, KernscaleError } from '../../common/errors.js';
import type { RuleError } from './types.js';

/** A file's text, or why it cannot be read. */
export type ReadFile = { readonly file: string; readonly text: string } | RuleError;

const STANDARD_INPUT = '-';

/** A ConfigMap, where rule files usually live, holds at most 1 MiB. */
const MAX_BYTES = 4 * 1024 * 1024;

/**
 * Reads the files that paths name. Yields an error in place of a file that cannot be read.
 *
 * @param paths files, `-` for standard input, folders (their *.yaml and *.yml), and patterns with * and ? in the last part
 */
export async function* readFiles(paths: readonly string[]): AsyncGenerator<ReadFile> {
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
  const start = { file, line: 1, column: 1 };
  if (!(error instanceof KernscaleError)) {
    const message = `cannot read the file: ${errorMessage(error)}`;
    return { ...start, code: 'RULE_FILE_UNREADABLE', message };
  }
  const isLarge = error.code === 'RULE_FILE_TOO_LARGE';
  return { ...start, code: isLarge ? error.code : 'RULE_FILE_UNREADABLE', message: error.message };
}

/** @throws KernscaleError `RULE_FILE_TOO_LARGE` or `RULE_FILE_UNREADABLE` */
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
    throw new KernscaleError('RULE_FILE_UNREADABLE', 'the file is not valid UTF-8; save it in that encoding');
  }
}

/** Describes the state of the files that paths name, without reading them: it differs once one of them has changed. */
export async function stateOf(paths: readonly string[]): Promise<string> {
  const found: string[] = [];
  for (const path of paths) {
    try {
      for (const file of await expandPaths(path)) found.push(`${file} ${await identityOf(file)}`);
    } catch (error) {
      found.push(`${path} ${errorMessage(error)}`);
    }
  }
  return found.join('\n');
}

/** Follows links, so that it changes with what they lead to. */
async function identityOf(file: string): Promise<string> {
  if (file === STANDARD_INPUT) return '';
  const { dev, ino, size, mtimeNs, ctimeNs } = await stat(file, { bigint: true });
  return [dev, ino, size, mtimeNs, ctimeNs].join(' ');
}

/**
 * Lists the files that a path names, sorted.
 *
 * @throws KernscaleError `RULE_FILE_UNREADABLE` if there are none
 */
async function expandPaths(path: string): Promise<string[]> {
  if (path === STANDARD_INPUT) return [path];
  const pattern = basename(path);
  if (/[*?]/.test(pattern)) return filesIn(dirname(path), wildcard(pattern), path);
  if ((await stat(path)).isDirectory()) return filesIn(path, /^[^.].*\.ya?ml$/, path);
  return [path];
}

async function filesIn(folder: string, pattern: RegExp, path: string): Promise<string[]> {
  const names = (await readdir(folder)).filter((name) => pattern.test(name)).sort();
  if (names.length > 0) return names.map((name) => join(folder, name));
  throw new KernscaleError('RULE_FILE_UNREADABLE', `no file matches ${path}`);
}

function wildcard(pattern: string): RegExp {
  const escaped = pattern.replace(/[.+^${}()|[\]\\]/g, '\\$&');
  return new RegExp(`^${escaped.replaceAll('*', '.*').replaceAll('?', '.')}$`);
}
