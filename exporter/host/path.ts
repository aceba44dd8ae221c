import type { CgroupKey } from '../cgroups/path.js';
import type { ContainerIdentity } from '../identity/source.js';

/** The systemd unit or the container that a host's cgroup belongs to. */
export interface HostCgroup extends CgroupKey {
  /** Engine that runs the container; undefined for a systemd unit. */
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
/** The monitor of a container has the container's id in its name, but is not part of it. */
const MONITOR = /-conmon$/;
const UNIT = /\.(?:service|scope|socket|mount|swap)$/;
/** A user's service manager; the units are below it. */
const USER_MANAGER = /^user@\d+\.service$/;

/**
 * Reads the systemd unit or the container that a cgroup on a host without a kubelet belongs to. The outermost counts:
 * everything in a container, such as a service manager of its own, is part of that container.
 *
 * @returns undefined for a slice, which only groups others, and for any path outside of a unit
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

/**
 * Names a systemd unit by its cgroup's path. The namespace is the slice, or the user that owns it; all instances of a
 * template (`getty@tty1.service`) are one workload.
 */
export function unitIdentity(path: string): ContainerIdentity {
  const names = path.split('/').filter((name) => name !== '');
  const unit = unescape(names.at(-1) ?? '');
  return {
    namespace: namespaceOf(names),
    pod: unit,
    container: '',
    workload: unit.replace(/(?:@.*)?\.[a-z]+$/, ''),
    workloadKind: 'SystemdUnit',
    image: '',
    containerId: '',
    cpuRequest: undefined,
    cpuLimit: undefined,
  };
}

function namespaceOf(names: readonly string[]): string {
  const slices = names
    .filter((name) => name.endsWith('.slice'))
    .map((name) => name.slice(0, -'.slice'.length));
  return slices.find((slice) => /^user-\d+$/.test(slice)) ?? slices[0] ?? 'system';
}

/** systemd escapes characters that unit names must not contain as `\x2d` (systemd-escape(1)). */
function unescape(name: string): string {
  return name.replace(/\\x([0-9a-f]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}
