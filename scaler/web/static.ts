import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { KernscaleError } from '../../common/errors.js';

const FOLDER = path.join('scaler', 'web', 'static');
const TYPES: Readonly<Record<string, string>> = {
  '/': 'text/html; charset=utf-8',
  '/page.js': 'text/javascript; charset=utf-8',
  '/style.css': 'text/css; charset=utf-8',
  '/icon.svg': 'image/svg+xml',
};

export interface StaticFile {
  readonly type: string;
  readonly body: Buffer;
}

/**
 * The files of the live page by their path, read once. They are not compiled, so they stay beside the sources,
 * where also the compiled program in dist/ finds them.
 *
 * @throws KernscaleError `STATIC_FILES_MISSING`
 */
export function readStaticFiles(): ReadonlyMap<string, StaticFile> {
  const folder = findFolder(import.meta.dirname);
  return new Map(
    Object.entries(TYPES).map(([url, type]) => {
      const file = path.join(folder, url === '/' ? 'index.html' : url);
      return [url, { type, body: readFileSync(file) }];
    }),
  );
}

function findFolder(start: string): string {
  for (let directory = start; ; directory = path.dirname(directory)) {
    const folder = path.join(directory, FOLDER);
    if (existsSync(path.join(folder, 'index.html'))) return folder;
    if (directory === path.dirname(directory)) {
      throw new KernscaleError('STATIC_FILES_MISSING', `${FOLDER} is missing from this installation`);
    }
  }
}
