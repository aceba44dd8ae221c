import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { fromRoot } from '../../../../sandbox/paths.js';
import { SEED } from '../../../seed.js';
import { brokers } from './exchange/broker-rows.js';
import { protocols } from './exchange/protocol-rows.js';
import { ends, turns } from './exchange/turn-rows.js';

const FOLDER = 'test/unit/native/bpf/exchange';
const EXCHANGES = 500_000;

describe('model of exchanges', function () {
  this.timeout(120_000);
  let scratch: string;

  const compile = (program: string): void => {
    const flags = [
      '-g',
      '-O1',
      '-std=gnu17',
      '-Wall',
      '-Wextra',
      '-Werror',
      '-Wno-unused-parameter',
      '-Wno-unused-function',
    ];
    const checks = ['-fsanitize=address,undefined', '-fno-sanitize-recover=all'];
    const files = [
      '-I',
      fromRoot('native/bpf'),
      '-o',
      join(scratch, program),
      fromRoot(`${FOLDER}/${program}.c`),
    ];
    execFileSync('cc', [...flags, ...checks, ...files]);
  };

  before(() => {
    scratch = mkdtempSync(join(tmpdir(), 'kernscale-exchange-'));
    compile('events');
    compile('fuzz');
  });

  after(() => {
    rmSync(scratch, { recursive: true, force: true });
  });

  const report = (end: string, events: string[]): string[] =>
    execFileSync(join(scratch, 'events'), { input: [end, ...events, ''].join('\n'), encoding: 'utf8' })
      .trim()
      .split('\n');

  for (const [subject, rows] of Object.entries({ turns, ends, protocols, brokers })) {
    describe(subject, () => {
      for (const [title, end, events, expected] of rows) {
        it(title, () => {
          const last = expected.at(-1)?.startsWith('outstanding') === true ? [] : ['outstanding 0'];
          expect(report(end, events)).to.deep.equal([...expected, ...last]);
        });
      }
    });
  }

  it('keeps its law, and loses one observation to one odd message, in random connections', () => {
    execFileSync(join(scratch, 'fuzz'), [String(SEED), String(EXCHANGES)], {
      encoding: 'utf8',
      stdio: 'pipe',
    });
  });
});
