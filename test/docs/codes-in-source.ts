import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fromRoot } from '../../sandbox/paths.js';

const FOLDERS = ['common', 'exporter', 'sandbox', 'scaler'];
/** The type in it names the codes of the addon. */
const ADDON = 'native/errors.ts';
/** Where the codes are described. */
const REGISTRY = /^common\/error-codes\//;
/** Codes of YAML, which the loader of rule files prefixes. */
const YAML = ['RULE_YAML', 'RULE_DUPLICATE_KEY'];

/** Where a name in capitals is a code: thrown, in a finding or a log line, behind a prefix that only codes have, printed. */
const CODES = [
  /KernscaleError\(\s*'([A-Z][A-Z0-9_]+)'/g,
  /(?:\bcode: |#warn\(|problem\(|found\(|errorCode\(error\) \?\? )'([A-Z]+(?:_[A-Z]+)*)'/g,
  /'((?:API|HISTORY|LINT|NOTE|RULE|RULES|TEST|TARGET)_[A-Z_]+)'/g,
  /\[([A-Z]+_[A-Z]+)\]\\n/g,
];

/** Every error code in the sources, sorted. */
export function codesInSource(): string[] {
  const found = new Set(YAML);
  for (const file of FOLDERS.flatMap(sourcesIn)) {
    const text = readFileSync(fromRoot(file), 'utf8');
    for (const [, code] of CODES.flatMap((pattern) => [...text.matchAll(pattern)])) found.add(code!);
  }
  const addon = readFileSync(fromRoot(ADDON), 'utf8');
  for (const [, code] of addon.matchAll(/^ {2}\| '([A-Z_]+)'/gm)) found.add(code!);
  for (const part of ['YAML', 'DUPLICATE_KEY']) found.delete(part);
  return [...found].sort();
}

function sourcesIn(folder: string): string[] {
  return readdirSync(fromRoot(folder), { recursive: true, encoding: 'utf8' })
    .map((name) => join(folder, name))
    .filter((file) => file.endsWith('.ts') && !/(^|\/)node_modules\//.test(file) && !REGISTRY.test(file));
}
