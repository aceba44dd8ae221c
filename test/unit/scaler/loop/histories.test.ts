import { execFileSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { open } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect } from 'chai';
import { eventually } from '../../../eventually.js';
import type { Logger } from '../../../../common/log.js';
import { NO_MEMORY } from '../../../../scaler/core/demand/memory.js';
import { NOTHING_USUAL } from '../../../../scaler/core/harm/usual.js';
import { NEW_WATCH } from '../../../../scaler/core/harm/watch.js';
import { rebase } from '../../../../scaler/core/rebase.js';
import type { History } from '../../../../scaler/core/round.js';
import type { Rule } from '../../../../scaler/core/types.js';
import { Histories, type Memory, HistoryFile } from '../../../../scaler/loop/histories.js';

const NOW = 1_700_000_000.25;
const INTERVAL = 10;

const DECIDE: Rule['decide'] = [
  { bound: 'disk', when: { blockio: { above: 0.4 } }, for: 20, keepFor: 60, action: 'hold', maxHops: 4 },
];
const HISTORY: History = {
  recommendations: [
    { replicas: 3, at: NOW - 20, assumed: true },
    { replicas: 2, at: NOW - 10.5 },
  ],
  scaleUps: [{ change: 2, at: NOW - 100, outdated: true }],
  scaleDowns: [{ change: 1, at: NOW - 50, outdated: false }],
  steps: { '0:disk': { since: NOW - 30, lastMatch: NOW - 10.5 }, '1:lock': {} },
  dataGap: false,
  fewerPodsSince: NOW - 400,
  unseenSince: NOW - 500,
  absence: { since: NOW - 60, raised: true },
  sleep: { quiet: { since: NOW - 90, at: NOW - 10 }, asleep: true, unreadSince: NOW - 20 },
};
const MEMORY: Memory = { workload: 'shop/Deployment/cart', decide: DECIDE, history: HISTORY };

describe('HistoryFile', () => {
  let directory: string;
  let file: string;
  let warnings: { code: string; error: string }[];
  const log = {
    info: () => undefined,
    warn: (warning: { code: string; error: string }) => warnings.push(warning),
  } as unknown as Logger;

  beforeEach(() => {
    directory = mkdtempSync(path.join(tmpdir(), 'kernscale-history-'));
    file = path.join(directory, 'history.json');
    warnings = [];
  });

  afterEach(() => {
    rmSync(directory, { recursive: true });
  });

  async function written(memories: readonly Memory[] = [MEMORY]): Promise<string> {
    await new HistoryFile(file, log).write(
      () => memories,
      () => NOW,
    );
    return readFileSync(file, 'utf8');
  }

  const read = (secondsLater = 5): Promise<readonly Memory[]> =>
    new HistoryFile(file, log).read(NOW + secondsLater, INTERVAL);

  it('restores the histories that it wrote, under the same rule', async () => {
    await written();
    const histories = new Histories();
    histories.restore(await read());
    expect(histories.get(MEMORY.workload, { decide: structuredClone(DECIDE) } as Rule)).to.deep.equal(
      HISTORY,
    );
    const edited = [{ ...DECIDE[0]!, for: 30 }];
    expect(histories.get(MEMORY.workload, { decide: edited } as unknown as Rule)).to.deep.equal({
      ...HISTORY,
      steps: {},
    });
    expect(warnings).to.deep.equal([]);
    expect(readdirSync(directory)).to.deep.equal(['history.json']);
  });

  it('restores what is learnt, with fields that it does not know', async () => {
    const change = { manager: 'kubectl', from: 3, at: NOW - 60, hold: 600, answered: true as const };
    const learnt = {
      ...HISTORY,
      ...{ usual: NOTHING_USUAL, watch: { ...NEW_WATCH, later: 1 }, memory: NO_MEMORY },
      replicasLeft: { replicas: 2, generation: 3, template: 't', change },
    };
    await written([{ ...MEMORY, history: learnt }]);
    expect((await read())[0]!.history).to.deep.equal(learnt);
  });

  it('leaves out what is learnt if it cannot be read, as a gap in the data, and keeps the rest', async () => {
    const history = { ...HISTORY, usual: { rounds: 'many' }, watch: NEW_WATCH } as unknown as History;
    await written([{ ...MEMORY, history }]);
    expect((await read())[0]!.history).to.deep.equal({ ...HISTORY, watch: NEW_WATCH, dataGap: true });
    expect(warnings).to.deep.equal([]);
  });

  it('reads a file of the first release', async () => {
    writeFileSync(file, (await written()).replace('"version":2', '"version":1'));
    expect(await read()).to.deep.equal([MEMORY]);
  });

  it('treats only a long pause as an outage', async () => {
    await written();
    const gapAfter = async (seconds: number) => (await read(seconds))[0]!.history.dataGap;
    expect(await gapAfter(5)).to.equal(false);
    expect(await gapAfter(60)).to.equal(false);
    expect(await gapAfter(60 + INTERVAL + 1)).to.equal(true);
    expect(await gapAfter(3600)).to.equal(true);
  });

  it('starts empty, without a warning, if there is no file', async () => {
    expect(await read()).to.deep.equal([]);
    expect(warnings).to.deep.equal([]);
  });

  const edit = (change: (content: { workloads: { history: Record<string, unknown> }[] }) => void) => {
    return (text: string): string => {
      const content = JSON.parse(text) as { workloads: { history: Record<string, unknown> }[] };
      change(content);
      return JSON.stringify(content);
    };
  };
  const BAD: [what: string, text: (good: string) => string, why: RegExp][] = [
    ['an empty file', () => '', /JSON/],
    ['half a file', (good) => good.slice(0, good.length / 2), /JSON/],
    ['something else', () => '[1, 2]', /version undefined; this program reads versions 1 and 2/],
    ['null', () => 'null', /version undefined; this program reads versions 1 and 2/],
    [
      'another version',
      (good) => good.replace('"version":2', '"version":3'),
      /version 3; this program reads versions 1 and 2/,
    ],
    [
      'invalid replicas',
      edit(({ workloads }) => (workloads[0]!.history['recommendations'] = [{ replicas: -1, at: 5 }])),
      /workloads\.0\.history\.recommendations\.0\.replicas/,
    ],
    [
      'a history without its timers',
      edit(({ workloads }) => delete workloads[0]!.history['steps']),
      /workloads\.0\.history\.steps/,
    ],
  ];
  for (const [what, text, why] of BAD) {
    it(`starts empty, with a warning, from ${what}`, async () => {
      writeFileSync(file, text(await written()));
      expect(await read()).to.deep.equal([]);
      expect(warnings).to.have.length(1);
      expect(warnings[0]).to.include({ code: 'HISTORY_UNREADABLE', file });
      expect(warnings[0]!.error).to.match(why);
    });
  }

  it('rejects a file from the future', async () => {
    await written();
    expect(await read(-4)).to.have.length(1);
    expect(await read(-60)).to.deep.equal([]);
    expect(warnings[0]!.error).to.include('compare the clocks');
  });

  describe('on a disk that hangs', () => {
    const hang = (name: string) => {
      execFileSync('mkfifo', [path.join(directory, name)]);
    };
    /** Ends what waits for the other end of the pipe. */
    const release = async (name: string) => (await open(path.join(directory, name), 'r+')).close();

    it('keeps no round waiting, is a problem, and goes on once it can be written', async () => {
      const hanging = new HistoryFile(file, log, 0.05);
      const write = () =>
        hanging.write(
          () => [MEMORY],
          () => NOW,
        );
      hang('history.json.tmp');
      await write();
      expect(hanging.problem()).to.match(/is not written, .*: no write has ended within 0\.05 s\.$/);
      expect(warnings.map(({ code }) => code)).to.deep.equal(['HISTORY_UNWRITABLE']);
      for (let round = 0; round < 100; round++) await write();
      await release('history.json.tmp');
      rmSync(path.join(directory, 'history.json.tmp'), { force: true });
      await eventually('written again', async () => {
        await write();
        return hanging.problem() === undefined;
      });
      expect(await read()).to.deep.equal([MEMORY]);
    });

    it('starts empty, with a warning', async () => {
      hang('history.json');
      expect(await new HistoryFile(file, log, 0.05, 0.05).read(NOW, INTERVAL)).to.deep.equal([]);
      expect(warnings.map(({ code }) => code)).to.deep.equal(['HISTORY_UNREADABLE']);
      await release('history.json');
    });
  });

  it('warns once about a file that is a folder, and once about one that cannot be written', async () => {
    mkdirSync(file);
    expect(await read()).to.deep.equal([]);
    const unwritable = new HistoryFile(path.join(directory, 'none', 'history.json'), log);
    for (let i = 0; i < 2; i++) {
      await unwritable.write(
        () => [],
        () => NOW,
      );
    }
    expect(warnings.map(({ code }) => code)).to.deep.equal(['HISTORY_UNREADABLE', 'HISTORY_UNWRITABLE']);
  });

  it('combines the writes that arrive during a write, and writes the newest state last', async () => {
    const histories = new HistoryFile(file, log);
    let writes = 0;
    const write = (): Promise<void> =>
      histories.write(
        () => [{ ...MEMORY, workload: String(++writes) }],
        () => NOW,
      );
    const first = write();
    await Promise.resolve();
    await Promise.all([first, write(), write(), write()]);
    expect(writes).to.equal(2);
    expect((await read())[0]!.workload).to.equal('2');
    expect(existsSync(`${file}.tmp`)).to.equal(false);
  });
});

describe('Histories', () => {
  const rule = { decide: DECIDE } as unknown as Rule;

  it('keep their ages where the clock is set, and count time that is skipped as a gap in the data', () => {
    let offset = 0;
    const histories = new Histories({ offset: () => offset, repeats: () => false });
    const { workload } = MEMORY;
    histories.set(workload, rule, HISTORY);
    const read = () => histories.get(workload, rule);
    offset = 4;
    expect(read()).to.equal(HISTORY);
    offset = -3600;
    expect(read()).to.deep.equal(rebase(HISTORY, -3600));
    offset = 3600;
    expect(read()).to.deep.equal({ ...rebase(HISTORY, 3600), dataGap: true });
    offset = 0;
    expect(histories.memories()).to.deep.equal([{ ...MEMORY, history: { ...HISTORY, dataGap: true } }]);
  });

  it('have a gap in the data in every round while the data may be of the past', () => {
    let repeats = true;
    const histories = new Histories({ offset: () => 0, repeats: () => repeats });
    const { workload } = MEMORY;
    histories.set(workload, rule, HISTORY);
    const read = () => histories.get(workload, rule);
    expect(read()).to.deep.equal({ ...HISTORY, dataGap: true });
    repeats = false;
    expect(read()).to.equal(HISTORY);
  });
});
