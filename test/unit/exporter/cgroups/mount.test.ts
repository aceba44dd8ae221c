import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect } from 'chai';
import { KernscaleError } from '../../../../common/errors.js';
import { cgroup2MountPoints, findCgroupMount } from '../../../../exporter/cgroups/mount.js';

const PURE = '30 24 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate';
const HYBRID = `31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755
32 31 0:29 / /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu
41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw
`;
const POD = `900 880 0:26 /../../.. /sys/fs/cgroup ro,nosuid - cgroup2 cgroup rw
901 880 0:26 / /host/sys/fs/cgroup ro,nosuid - cgroup2 cgroup rw
902 880 8:1 / /cgroup2 rw shared:1 master:2 - ext4 /dev/cgroup2 rw`;

describe('the mount of cgroup2', () => {
  it('is found on pure and hybrid hosts and in pods', () => {
    expect(cgroup2MountPoints(PURE)).to.deep.equal(['/sys/fs/cgroup']);
    expect(cgroup2MountPoints(HYBRID)).to.deep.equal(['/sys/fs/cgroup/unified']);
    expect(cgroup2MountPoints(POD)).to.deep.equal(['/sys/fs/cgroup', '/host/sys/fs/cgroup']);
  });

  it('may have a name with spaces', () => {
    const line = PURE.replace('/sys/fs/cgroup', String.raw`/mnt/a\040b\134c`);
    expect(cgroup2MountPoints(line)).to.deep.equal(['/mnt/a b\\c']);
  });

  it('is absent from garbage', () => {
    for (const text of ['', '\n', 'cgroup2', ' - cgroup2 ', '1 2 3 - cgroup2 x y']) {
      expect(cgroup2MountPoints(text), text).to.deep.equal([]);
    }
  });

  describe('read from procfs', () => {
    let procfs: string;
    const mountinfo = (text: string) => {
      writeFileSync(path.join(procfs, 'self', 'mountinfo'), text);
    };
    const codeOf = (run: () => unknown): unknown => {
      try {
        return run();
      } catch (error) {
        return error instanceof KernscaleError ? error.code : error;
      }
    };

    beforeEach(() => {
      procfs = mkdtempSync(path.join(tmpdir(), 'kernscale-'));
      mkdirSync(path.join(procfs, 'self'));
    });
    afterEach(() => {
      rmSync(procfs, { recursive: true });
    });

    it('must be below the requested directory', () => {
      mountinfo(`1 0 0:1 / ${procfs} rw - cgroup2 c rw\n2 0 0:2 / /tmp rw - cgroup2 c rw`);
      expect(findCgroupMount(procfs, procfs).mountPoint).to.equal(procfs);
      expect(findCgroupMount(procfs, path.dirname(procfs)).mountPoint).to.equal(procfs);
      expect(codeOf(() => findCgroupMount(procfs, '/nonexistent'))).to.equal('CGROUP2_MISSING');
    });

    it('reports when only a part of the hierarchy is visible', () => {
      mountinfo(`1 0 0:1 / ${procfs} rw - cgroup2 c rw`);
      expect(findCgroupMount(procfs)).to.deep.equal({ mountPoint: procfs, wholeHierarchy: false });
    });

    it('has clear errors', () => {
      mountinfo('');
      expect(codeOf(() => findCgroupMount(procfs))).to.equal('CGROUP2_MISSING');
      expect(codeOf(() => findCgroupMount('/nonexistent'))).to.equal('PROCFS_MISSING');
    });
  });
});
