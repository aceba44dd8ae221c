import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { expect } from 'chai';
import { runVectors } from './vectors.js';

describe("HPA v2's own vectors", () => {
  it('have the same result here, all of them', async () => {
    expect(await runVectors('test/hpa/vectors')).to.deep.equal({ rows: 3600, passed: 3600, deviations: [] });
  });

  it('are found in nested folders, and a wrong or malformed row deviates alone', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'kernscale-vectors-'));
    try {
      const [first = ''] = gunzipSync(await readFile('test/hpa/vectors/replicas.jsonl.gz'))
        .toString()
        .split('\n');
      const row = JSON.parse(first) as { expect: object };
      const wrong = { ...row, id: 'wrong', expect: { ...row.expect, desiredReplicas: 12345 } };
      await mkdir(join(folder, 'heldout'));
      const rows = [row, wrong, { id: 'malformed' }].map((it) => JSON.stringify(it));
      await writeFile(join(folder, 'heldout', 'replicas.jsonl'), rows.join('\n'));
      const { stdout, code } = await hpaVectors(folder);
      const { deviations, ...counts } = JSON.parse(stdout) as Awaited<ReturnType<typeof runVectors>>;
      expect(counts).to.deep.equal({ rows: 3, passed: 1 });
      expect(deviations.map(({ id }) => id)).to.deep.equal(['wrong', 'malformed']);
      expect(deviations[0]!.why).to.contain("HPA's is 12345");
      expect(code).to.equal(1);
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});

function hpaVectors(folder: string): Promise<{ stdout: string; code: unknown }> {
  return new Promise((resolve) => {
    execFile('npm', ['run', '-s', 'hpa-vectors', '--', folder], (error, stdout) => {
      resolve({ stdout, code: error?.code ?? 0 });
    });
  });
}
