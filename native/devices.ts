import { readlinkSync } from 'node:fs';
import { basename } from 'node:path';

/**
 * Kernel names of block devices by number, each looked up once: a number is not given to another device while
 * the first one exists. A device without a name is `major:minor`.
 */
export function deviceNames(): (major: number, minor: number) => string {
  const names = new Map<string, string>();
  return (major, minor) => {
    const number = `${major}:${minor}`;
    const known = names.get(number);
    if (known !== undefined) return known;
    let name = number;
    try {
      name = basename(readlinkSync(`/sys/dev/block/${number}`));
    } catch {
      // The device is gone: its number is all that is left.
    }
    names.set(number, name);
    return name;
  };
}
