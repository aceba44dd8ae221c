import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** Absolute path of a file of this checkout; works from the sources and from `dist/`. */
export function fromRoot(path: string): string {
  let directory = import.meta.dirname;
  while (!existsSync(join(directory, 'package-lock.json'))) directory = dirname(directory);
  return join(directory, path);
}

/** Debian's Prometheus and promtool, as scripts/setup.sh unpacks them. */
export const PROMETHEUS = fromRoot('.cache/prometheus/usr/bin/prometheus');
export const PROMTOOL = fromRoot('.cache/prometheus/usr/bin/promtool');
