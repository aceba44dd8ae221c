import { readdirSync, readFileSync } from 'node:fs';
import { expect } from 'chai';

const SOURCES = new URL('../../../native/bpf/', import.meta.url);
/** Macros and helpers by which a program reads kernel memory, and lockdown=confidentiality refuses the program. */
const REFUSED =
  /\b(BPF_CORE_READ(_INTO|_STR_INTO|_BITFIELD_PROBED)?|bpf_core_read\w*|bpf_probe_read(_kernel)?(_str)?)\(/;
/** `peek` and `peek_bits` call one on kernels that have nothing else. */
const EXEMPT = 'common.h';

describe('BPF programs', () => {
  for (const file of readdirSync(SOURCES).filter((name) => name !== EXEMPT))
    it(`read kernel memory by typed loads only: ${file}`, () => {
      const lines = readFileSync(new URL(file, SOURCES), 'utf8').split('\n');
      expect(lines.filter((line) => REFUSED.test(line))).to.deep.equal([]);
    });
});
