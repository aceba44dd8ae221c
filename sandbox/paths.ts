import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** The path of a file of this checkout, whether this module runs from its source or from `dist/`. */
export function fromRoot(path: string): string {
  let directory = import.meta.dirname;
  while (!existsSync(join(directory, 'package-lock.json'))) directory = dirname(directory);
  return join(directory, path);
}

/** Debian's Prometheus and promtool, where the set-up unpacks them. */
export const PROMETHEUS = fromRoot('.cache/prometheus/usr/bin/prometheus');
export const PROMTOOL = fromRoot('.cache/prometheus/usr/bin/promtool');
