import { readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { KernscaleError } from '../../common/errors.js';
import { parseMounts } from '../../common/mounts.js';

export interface CgroupMount {
  mountPoint: string;
  /** False if the mount shows only the part of the hierarchy below the exporter's own container. */
  wholeHierarchy: boolean;
}

/** kernfs gives the root directory of every hierarchy inode 1 (fs/kernfs/dir.c, `kernfs_create_root`). */
const ROOT_INODE = 1;

/**
 * Finds the mount of cgroup2: usually /sys/fs/cgroup, on a hybrid host /sys/fs/cgroup/unified, in a pod any directory.
 *
 * @param procfs mount point of procfs
 * @param below considers only mounts at or below this directory
 * @throws KernscaleError `CGROUP2_MISSING`
 */
export function findCgroupMount(procfs: string, below?: string): CgroupMount {
  const mounts = cgroup2MountPoints(readMountinfo(procfs))
    .filter((mountPoint) => below === undefined || isWithin(mountPoint, below))
    .map((mountPoint) => ({ mountPoint, wholeHierarchy: statSync(mountPoint).ino === ROOT_INODE }));
  const best = mounts.find(({ wholeHierarchy }) => wholeHierarchy) ?? mounts[0];
  if (best) return best;
  const where = below === undefined ? '' : ` at or below ${below}`;
  throw new KernscaleError(
    'CGROUP2_MISSING',
    `no cgroup2 file system is mounted${where}; mount the host's /sys/fs/cgroup and set --path.cgroupfs to its mount point`,
  );
}

/** Returns the mount points of cgroup2 in a mountinfo file, in its order. */
export function cgroup2MountPoints(mountinfo: string): string[] {
  return parseMounts(mountinfo).flatMap(({ type, point }) => (type === 'cgroup2' ? [point] : []));
}

function isWithin(file: string, directory: string): boolean {
  const relative = path.relative(path.resolve(directory), file);
  return relative !== '..' && !relative.startsWith('../');
}

function readMountinfo(procfs: string): string {
  const file = path.join(procfs, 'self', 'mountinfo');
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    const message = `cannot read ${file}; set --path.procfs to the mount point of procfs`;
    throw new KernscaleError('PROCFS_MISSING', message, { cause });
  }
}
