import { readFileSync } from 'node:fs';

interface Mount {
  readonly path: string;
  readonly type: string;
  readonly options: readonly string[];
}

function mounts(): readonly Mount[] {
  return readFileSync('/proc/mounts', 'utf8')
    .trim()
    .split('\n')
    .map((line) => {
      const [, path, type, options] = line.split(' ');
      return { path: path!, type: type!, options: options!.split(',') };
    });
}

/** True if a hierarchy of cgroup v1 has the controller. */
export function hasLegacy(controller: string): boolean {
  return legacyHierarchy(controller) !== undefined;
}

/** Mount point of the hierarchy of cgroup v1 that has the controller. */
export function legacyHierarchy(controller: string): string | undefined {
  return mounts().find(({ type, options }) => type === 'cgroup' && options.includes(controller))?.path;
}

/** Mount point of cgroup2. */
export function cgroupRoot(): string {
  const mount = mounts().find(({ type }) => type === 'cgroup2');
  if (mount === undefined) throw new Error('cgroup2 is not mounted');
  return mount.path;
}
