import type { ContainerIdentity } from '../identity/pods.js';

/**
 * Names a systemd unit by its cgroup's path: the slice, or the user whose it is, stands for the namespace, and
 * all instances of a template (`getty@tty1.service`) are one workload.
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

/** systemd writes what its unit names may not hold as `\x2d` (systemd-escape(1)). */
function unescape(name: string): string {
  return name.replace(/\\x([0-9a-f]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}
