import { readFileSync } from 'node:fs';

export interface CgroupMounts {
  /** Where the cgroup2 hierarchy is mounted. */
  unified: string | undefined;
  /** Where a cgroup v1 hierarchy with the cpu controller is mounted. */
  cpu: string | undefined;
}

/** Finds the cgroup hierarchies in the text of `/proc/self/mountinfo` (proc_pid_mountinfo(5)). */
export function parseCgroupMounts(mountinfo: string): CgroupMounts {
  const mounts = mountinfo.split('\n').flatMap((line) => {
    const [before = '', after = ''] = line.split(' - ');
    const point = before.split(' ')[4];
    const [type = '', , options = ''] = after.split(' ');
    return point === undefined ? [] : [{ point: unescapeOctal(point), type, options: options.split(',') }];
  });
  return {
    unified: mounts.find(({ type }) => type === 'cgroup2')?.point,
    cpu: mounts.find(({ type, options }) => type === 'cgroup' && options.includes('cpu'))?.point,
  };
}

export function cgroupMounts(): CgroupMounts {
  return parseCgroupMounts(readFileSync('/proc/self/mountinfo', 'utf8'));
}

/** mountinfo writes a space in a path as `\\040`. */
function unescapeOctal(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, digits: string) =>
    String.fromCharCode(Number.parseInt(digits, 8)),
  );
}
