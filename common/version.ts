import { readFileSync } from 'node:fs';
import path from 'node:path';

/** The version in our package.json, which is beside the sources and one level above the compiled files. */
export function packageVersion(): string {
  let directory = import.meta.dirname;
  for (;;) {
    const version = versionIn(path.join(directory, 'package.json'));
    if (version !== undefined) return version;
    const parent = path.dirname(directory);
    if (parent === directory) return 'unknown';
    directory = parent;
  }
}

function versionIn(file: string): string | undefined {
  try {
    return (JSON.parse(readFileSync(file, 'utf8')) as { version?: string }).version;
  } catch {
    return undefined;
  }
}
