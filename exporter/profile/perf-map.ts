/**
 * Names of compiled code, from the text that just-in-time compilers write to `/tmp/perf-PID.map` (Node.js with
 * --perf-basic-prof, Java with `jcmd PID Compiler.perfmap`, Python with -X perf): start and size in hexadecimal, which
 * Java begins with 0x, and a name, a line. Code moves, so of two that overlap the later one counts.
 *
 * https://github.com/torvalds/linux/blob/master/tools/perf/Documentation/jit-interface.txt
 */
export function namesInPerfMap(text: string, addresses: readonly number[]): ReadonlyMap<number, string> {
  const wanted = [...new Set(addresses)].sort((a, b) => a - b);
  const names = new Map<number, string>();
  for (const [, from, bytes, name] of text.matchAll(/^(?:0x)?([0-9a-f]+) (?:0x)?([0-9a-f]+) (.+)$/gim)) {
    const start = parseInt(from!, 16);
    const end = start + parseInt(bytes!, 16);
    for (const address of wanted) {
      if (address >= end) break;
      if (address >= start) names.set(address, name!);
    }
  }
  return names;
}
