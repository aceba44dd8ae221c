import { accessSync, existsSync } from 'node:fs';
import { KernscaleError } from '../../common/errors.js';

/**
 * Says what this machine lacks before anything is started.
 *
 * @throws KernscaleError `NOT_LINUX`, `NOT_ROOT`, `NO_BTF` or `NO_PROMETHEUS`
 */
export function preflight(prometheus: string): void {
  if (process.platform !== 'linux') throw new KernscaleError('NOT_LINUX', 'the kernel probes need Linux');
  if (process.getuid?.() !== 0) {
    throw new KernscaleError(
      'NOT_ROOT',
      'loading kernel probes and making cgroups needs root; run it with sudo',
    );
  }
  if (!existsSync('/sys/kernel/btf/vmlinux')) {
    throw new KernscaleError(
      'NO_BTF',
      'this kernel has no type information at /sys/kernel/btf/vmlinux; use one built with CONFIG_DEBUG_INFO_BTF',
    );
  }
  try {
    accessSync(prometheus);
  } catch (cause) {
    throw new KernscaleError('NO_PROMETHEUS', 'Prometheus is not unpacked; run scripts/setup.sh', { cause });
  }
}
