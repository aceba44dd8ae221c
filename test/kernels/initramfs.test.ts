import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { withParents, writeInitramfs } from './initramfs.js';

const run = promisify(execFile);

describe('the initramfs', () => {
  it('unpacks to the same files with busybox', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'kernscale-initramfs-'));
    try {
      const archive = join(directory, 'archive');
      const files = [
        { path: '/init', source: Buffer.from('#!/bin/sh\n'), executable: true },
        { path: '/a/b/odd', source: Buffer.from('12345') },
        { path: '/a/empty', source: Buffer.alloc(0) },
        { path: '/copied', source: import.meta.filename },
      ];
      await writeInitramfs(archive, files, ['/proc']);
      await run('sh', ['-c', 'busybox cpio -id <archive'], { cwd: directory });
      for (const { path, source } of files) {
        const expected = typeof source === 'string' ? await readFile(source) : source;
        expect((await readFile(join(directory, path))).equals(expected), path).to.equal(true);
      }
      expect((await stat(join(directory, 'init'))).mode & 0o777).to.equal(0o755);
      expect((await stat(join(directory, 'copied'))).mode & 0o777).to.equal(0o644);
      expect((await stat(join(directory, 'proc'))).isDirectory()).to.equal(true);
    } finally {
      await rm(directory, { recursive: true, force: true });
    }
  });

  it('lists each directory once, parents first', () => {
    expect(withParents(['/a/b/c', '/a/b', '/', '/d'])).to.deep.equal(['/a', '/a/b', '/a/b/c', '/d']);
  });
});
