import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { stringify } from 'yaml';
import { PROMTOOL } from '../sandbox/paths.js';

export const run = promisify(execFile);

/**
 * Runs `promtool test rules` on a file of the repository, or on a test file with this content, and returns its report.
 * Rejects with the failures that promtool reports. promtool can leave its storage behind: it gets a temporary folder.
 */
export async function testRules(test: string | object): Promise<string> {
  const TMPDIR = await mkdtemp(join(tmpdir(), 'kernscale-promtool-'));
  try {
    const file = typeof test === 'string' ? test : join(TMPDIR, 'test.yaml');
    if (typeof test === 'object') await writeFile(file, stringify(test));
    return (await run(PROMTOOL, ['test', 'rules', file], { env: { TMPDIR } })).stdout;
  } finally {
    await rm(TMPDIR, { recursive: true });
  }
}
