import type { CgroupKey } from '../identity/source.js';

/** What a host's cgroup path says about the systemd unit or the container it belongs to. */
export interface HostCgroup extends CgroupKey {
  /** What runs the container; undefined for a systemd unit. */
  readonly engine: 'docker' | 'podman' | 'other' | undefined;
}

const ENGINES: Record<string, HostCgroup['engine']> = {
  docker: 'docker',
  libpod: 'podman',
  libpod_parent: 'podman',
};

/** systemd driver: `docker-<id>.scope`, `libpod-<id>.scope`, `nerdctl-<id>.scope`; podman's cgroupfs driver: `libpod-<id>`. */
const NAMED = /^([a-z-]+)-([0-9a-f]{64})(?:\.scope)?$/;
/** cgroupfs driver: `docker/<id>`. */
const PLAIN = /^[0-9a-f]{64}$/;
/** What watches a container is not part of it, and has an id of that container in its name. */
const MONITOR = /-conmon$/;
const UNIT = /\.(?:service|scope|socket|mount|swap)$/;
/** A user's service manager: the units are those below it. */
const USER_MANAGER = /^user@\d+\.service$/;

/**
 * Reads which systemd unit or container a cgroup on a host without a kubelet belongs to. The outermost is
 * meant: what runs inside a container, a service manager of its own perhaps, is part of that container.
 *
 * @returns undefined for a slice, which only groups others, and for any path that is in no unit
 */
export function parseHostPath(path: string): HostCgroup | undefined {
  const names = path.split('/');
  for (const [at, name] of names.entries()) {
    const podUid = names.slice(0, at + 1).join('/');
    const named = NAMED.exec(name);
    if (named && MONITOR.test(named[1]!)) return undefined;
    if (named) return { podUid, containerId: named[2]!, engine: ENGINES[named[1]!] ?? 'other' };
    if (PLAIN.test(name))
      return { podUid, containerId: name, engine: ENGINES[names[at - 1] ?? ''] ?? 'other' };
    if (UNIT.test(name) && !USER_MANAGER.test(name)) return { podUid, containerId: '', engine: undefined };
  }
  return undefined;
}
