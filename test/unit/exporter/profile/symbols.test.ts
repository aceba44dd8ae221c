import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect } from 'chai';
import fc from 'fast-check';
import { Elf, type ReadAt } from '../../../../exporter/profile/elf.js';
import { namesInPerfMap } from '../../../../exporter/profile/symbols.js';

const SOURCE = `
int weak_alias(int x) __attribute__((weak, alias("__strong")));
int __strong(int x) { return x * 3; }
static __attribute__((noinline)) int hidden(int x) { return __strong(x) + 1; }
int main(int argc, char **argv) { (void)argv; return hidden(argc); }
`;

function readerOf(bytes: Buffer): ReadAt {
  return (offset, length) => bytes.subarray(offset, Math.max(offset, offset + length));
}

describe('names in ELF files', () => {
  let directory: string;
  let program: string;

  before(() => {
    directory = mkdtempSync(path.join(tmpdir(), 'kernscale-'));
    program = path.join(directory, 'program');
    writeFileSync(`${program}.c`, SOURCE);
    execFileSync('cc', ['-O1', '-rdynamic', '-Wl,--build-id=0xabcdef12', '-o', program, `${program}.c`]);
  });

  after(() => {
    rmSync(directory, { recursive: true });
  });

  const open = (file: string) => Elf.open(readerOf(readFileSync(file)))!;

  /** Functions as binutils lists them: names by address, and sizes. */
  function listed(file: string): { start: number; size: number; name: string }[] {
    const lines = execFileSync('nm', ['-S', '--defined-only', file], { encoding: 'utf8' }).split('\n');
    return lines.flatMap((line) => {
      const match = /^([0-9a-f]+) ([0-9a-f]+) [tTwW] (.+)$/.exec(line);
      return match
        ? [{ start: parseInt(match[1]!, 16), size: parseInt(match[2]!, 16), name: match[3]! }]
        : [];
    });
  }

  it('are those that nm lists, from the first to the last byte of each function', () => {
    const elf = open(program);
    const functions = listed(program);
    expect(functions.map(({ name }) => name)).to.include.members(['main', 'hidden', 'weak_alias']);
    for (const { start, size } of functions) {
      const known = functions.filter((one) => one.start === start).map(({ name }) => name);
      for (const address of [start, start + size - 1]) {
        expect(known).to.include(elf.functionsAt([address]).get(address));
      }
      expect(known).not.to.include(elf.functionsAt([start + size]).get(start + size));
    }
  });

  it('are, of several for one function, the one without underscores', () => {
    const { start } = listed(program).find(({ name }) => name === '__strong')!;
    expect(open(program).functionsAt([start]).get(start)).to.equal('weak_alias');
  });

  it('are still those for other files when stripped; the rest is in the debug file', () => {
    const stripped = `${program}.stripped`;
    const debug = `${program}.debug`;
    copyFileSync(program, stripped);
    execFileSync('objcopy', ['--only-keep-debug', program, debug]);
    execFileSync('strip', [stripped]);
    const at = Object.fromEntries(listed(program).map(({ name, start }) => [name, start]));
    const wanted = [at['main']!, at['hidden']!];
    expect([...open(stripped).functionsAt(wanted)]).to.deep.equal([[at['main'], 'main']]);
    expect(open(stripped).isStripped).to.equal(true);
    expect(open(debug).functionsAt(wanted).get(at['hidden']!)).to.equal('hidden');
    expect(open(stripped).buildId).to.equal('abcdef12').and.equal(open(debug).buildId);
  });

  it('are found by offset in the file', () => {
    const bytes = readFileSync(program);
    const { start, size } = listed(program).find(({ name }) => name === 'hidden')!;
    const elf = open(program);
    const offsets = Array.from({ length: bytes.length }, (_, offset) => offset);
    const inHidden = offsets.filter((offset) => {
      const address = elf.addressOf(offset);
      return address !== undefined && address >= start && address < start + size;
    });
    expect(inHidden.length).to.equal(size);
  });

  it('do no harm, whatever is in the file', function () {
    this.timeout(30_000);
    const bytes = readFileSync(program);
    const damage = fc.array(fc.tuple(fc.nat(Math.min(bytes.length, 8192) - 1), fc.nat(255)), {
      maxLength: 20,
    });
    const headers = fc.array(fc.tuple(fc.nat(63), fc.nat(255)), { maxLength: 8 });
    const cut = fc.option(fc.nat(bytes.length), { nil: bytes.length });
    fc.assert(
      fc.property(damage, headers, cut, (anywhere, inHeader, length) => {
        const bad = Buffer.from(bytes.subarray(0, length));
        for (const [at, value] of [...anywhere, ...inHeader]) if (at < bad.length) bad[at] = value;
        const elf = Elf.open(readerOf(bad));
        elf?.functionsAt([0, 0x1139, 2 ** 47]);
        elf?.addressOf(0x1139);
      }),
      { numRuns: 500 },
    );
  });

  it('are not read from other files', () => {
    expect(Elf.open(readerOf(Buffer.from('#!/bin/sh\n'.padEnd(100))))).to.equal(undefined);
    expect(Elf.open(readerOf(Buffer.alloc(0)))).to.equal(undefined);
  });
});

describe('maps that compilers write for perf', () => {
  const map = '1000 20 first\n1020 10 a b c\nnonsense\n1000 8 moved here\n2000 10 last';

  it('name what is in their ranges; of two the later counts', () => {
    const names = namesInPerfMap(
      map,
      [0xfff, 0x1000, 0x1007, 0x1008, 0x101f, 0x1020, 0x1030, 0x200f, 0x2010],
    );
    expect([...names]).to.have.deep.members([
      [0x1000, 'moved here'],
      [0x1007, 'moved here'],
      [0x1008, 'first'],
      [0x101f, 'first'],
      [0x1020, 'a b c'],
      [0x200f, 'last'],
    ]);
  });

  it('may have their numbers begin with 0x, as Java writes them', () => {
    const java = '0x00007f1128f1b880 0x00000000000000d8 long Spin.work(long)\n';
    expect([...namesInPerfMap(java, [0x7f1128f1b957, 0x7f1128f1b958])]).to.deep.equal([
      [0x7f1128f1b957, 'long Spin.work(long)'],
    ]);
  });
});
