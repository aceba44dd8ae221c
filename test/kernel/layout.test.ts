import { execFileSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect } from 'chai';
import { LAYOUT_DIGEST } from '../../native/layout.js';
import { fromRoot } from '../../sandbox/paths.js';
import { requireKernel } from './harness.js';

const NATIVE = fromRoot('native');

describe('native/layout.ts', function () {
  this.timeout(60_000);
  let directory: string;

  before(function () {
    requireKernel(() => {
      this.skip();
    });
  });
  beforeEach(() => {
    directory = mkdtempSync(path.join(tmpdir(), 'kernscale-layout-'));
  });
  afterEach(() => {
    rmSync(directory, { recursive: true });
  });

  it('is what the type information of the BPF objects says (make -C native)', () => {
    const [layout, digest] = [path.join(directory, 'layout.ts'), path.join(directory, 'digest.h')];
    execFileSync('make', ['-s', '-C', NATIVE, `LAYOUT=${layout}`, `DIGEST=${digest}`, digest]);
    expect(readFileSync(path.join(NATIVE, 'layout.ts'), 'utf8')).to.equal(readFileSync(layout, 'utf8'));
    expect(readFileSync(digest, 'utf8')).to.include(`"${LAYOUT_DIGEST}"`);
  });

  it('refuses an addon that was built from another layout', async () => {
    const dist = path.join(directory, 'dist');
    cpSync(path.join(NATIVE, 'dist'), dist, { recursive: true });
    cpSync(path.join(NATIVE, 'package.json'), path.join(directory, 'package.json'));
    symlinkSync(path.join(NATIVE, 'build'), path.join(directory, 'build'));
    const compiled = path.join(dist, 'layout.js');
    writeFileSync(compiled, readFileSync(compiled, 'utf8').replace(LAYOUT_DIGEST, '0123456789abcdef'));
    const other = (await import(pathToFileURL(path.join(dist, 'index.js')).href)) as {
      kernelMemory: (cpus: number) => number;
    };
    expect(() => other.kernelMemory(1))
      .to.throw(/was built from another layout: run `make -C native`/)
      .with.property('code', 'LAYOUT_MISMATCH');
  });
});
