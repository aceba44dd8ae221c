interface Mount {
  readonly point: string;
  readonly type: string;
  readonly options: readonly string[];
}

/** Parses a mountinfo file (proc_pid_mountinfo(5)); `options` are those of the file system. */
export function parseMounts(mountinfo: string): Mount[] {
  return mountinfo.split('\n').flatMap((line) => {
    const [before = '', after = ''] = line.split(' - ');
    const point = before.split(' ')[4];
    const [type = '', , options = ''] = after.split(' ');
    return point === undefined ? [] : [{ point: unescape(point), type, options: options.split(',') }];
  });
}

/** mountinfo escapes space, tab, newline and backslash as three octal digits. */
function unescape(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(parseInt(octal, 8)));
}
