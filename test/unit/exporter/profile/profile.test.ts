import type { Mapping, StackSample } from 'bpf-linker-napi';
import { expect } from 'chai';
import { Profile } from 'pprof-format';
import { folded, pprof, type Profile as Taken } from '../../../../exporter/profile/profile.js';
import { ModuleTable, Recorder } from '../../../../exporter/profile/recording.js';

const LIBRARY = { offset: 0x1000, device: 1, inode: 7n, path: '/lib/libx.so' };
const MAPPINGS: Mapping[] = [
  { pid: 10, start: 0x5000, end: 0x6000, ...LIBRARY },
  { pid: 11, start: 0x8000, end: 0x9000, ...LIBRARY },
  { pid: 11, start: 0xa000, end: 0xb000, offset: 0, device: 0, inode: 0n, path: '' },
];
const CONTAINERS = new Map([[1n, 'web']]);

function sample(given: Partial<StackSample>): StackSample {
  return { cgroupId: 1n, pid: 10, tid: 10, thread: 'x', kernel: [], user: [], ...given };
}

/** A profile of three samples: twice the same place in two processes, and compiled code called from the library. */
function taken(): Taken {
  const modules = new ModuleTable();
  modules.update(MAPPINGS);
  const recorder = new Recorder();
  recorder.add(
    [
      sample({ pid: 10, user: [0x5010], kernel: [-500, -400] }),
      sample({ pid: 11, user: [0x8010], kernel: [-500, -400] }),
      sample({ pid: 11, user: [0xa004, 0x8021, 0xdead] }),
    ],
    modules,
    CONTAINERS,
  );
  const library = recorder.frames.find(({ module }) => module?.path === LIBRARY.path)!;
  return {
    recording: recorder,
    symbols: {
      names: new Map([
        [recorder.frames.indexOf(library), 'do;work'],
        [0, 'schedule'],
      ]),
      buildIds: new Map([[library.module!, 'ab12']]),
      unreadable: [],
    },
    hz: 100,
    startedAt: 1_700_000_000_123,
    seconds: 2,
    notes: ['a note'],
  };
}

describe('a recording of stacks', () => {
  it('counts the same location of several processes as one, and drops frames outside of any module', () => {
    const { stacks, frames } = taken().recording;
    expect(stacks.map(({ count, frames: { length } }) => [count, length])).to.deep.equal([
      [2, 3],
      [1, 2],
    ]);
    // The innermost frame is where the program is, the others are where it returns to.
    expect(frames.map(({ address }) => address)).to.deep.equal([-500, -401, 0x5010, 0xa004, 0x5020]);
  });

  it('is bounded, and counts what it drops', () => {
    const recorder = new Recorder();
    const modules = new ModuleTable();
    modules.update([{ pid: 10, start: 0, end: 1e6, offset: 0, device: 1, inode: 1n, path: '/x' }]);
    recorder.add(
      Array.from({ length: 20_050 }, (_, i) => sample({ user: [i] })),
      modules,
      CONTAINERS,
    );
    expect([recorder.stacks.length, recorder.dropped]).to.deep.equal([20_000, 50]);
  });

  it('keeps the mappings of a process that has ended', () => {
    const modules = new ModuleTable();
    modules.update(MAPPINGS);
    modules.update([MAPPINGS[0]!]);
    expect(modules.find(11, 0x8010)?.module.path).to.equal(LIBRARY.path);
    expect(modules.find(12, 0x8010)).to.equal(undefined);
  });

  it('is written as folded stacks', () => {
    expect(folded(taken())).to.equal(
      'web/x;do:work;[kernel];schedule 2\nweb/x;libx.so+0x1020;[anonymous] 1\n',
    );
  });

  it('is written as pprof', () => {
    const profile = Profile.decode(pprof(taken()));
    const text = (index: number | bigint) => profile.stringTable.strings[Number(index)];
    expect(profile.sample.map(({ value }) => value.map(Number))).to.deep.equal([
      [2, 2e7],
      [1, 1e7],
    ]);
    expect(profile.sample[0]!.label.map(({ key, str }) => [text(key), text(str)])).to.deep.equal([
      ['container', 'web'],
      ['thread', 'x'],
    ]);
    const mappings = profile.mapping.map(({ filename, buildId, memoryStart, fileOffset }) => [
      text(filename),
      text(buildId),
      Number(memoryStart),
      Number(fileOffset),
    ]);
    expect(mappings).to.deep.equal([
      ['[kernel]', '', 0, 0],
      ['/lib/libx.so', 'ab12', 0x5000, 0x1000],
      ['[anonymous]', '', 0xa000, 0],
    ]);
    expect(profile.location.map(({ address }) => Number(address))).to.deep.equal([
      0, 0, 0x5010, 0xa004, 0x5020,
    ]);
    expect(profile.function.map(({ name }) => text(name))).to.deep.equal(['schedule', 'do;work']);
    expect([Number(profile.timeNanos), Number(profile.durationNanos), Number(profile.period)]).to.deep.equal([
      1_700_000_000_123e6, 2e9, 1e7,
    ]);
    expect(profile.comment.map(text)).to.deep.equal(['a note']);
  });
});
