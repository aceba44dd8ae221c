import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect } from 'chai';
import { parsePressure, Starvation } from '../../../../exporter/series/starvation.js';
import { HandMadeProbes } from '../fixtures.js';

/** As on kernels since 5.13, which have a line `full` as well. */
const pressure = (seconds: number) =>
  `some avg10=1.25 avg60=0.50 avg300=0.00 total=${1e6 * seconds}\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=5\n`;

describe('the starved time of a pod', () => {
  let root: string;
  let probes: HandMadeProbes;
  let starvation: Starvation;

  beforeEach(() => {
    root = mkdtempSync(path.join(tmpdir(), 'kernscale-'));
    mkdirSync(path.join(root, 'pod'));
    probes = new HandMadeProbes();
    starvation = new Starvation(root, probes);
  });
  afterEach(() => {
    rmSync(root, { recursive: true });
  });

  const file = () => path.join(root, 'pod', 'cpu.pressure');
  const read = (counted = 0, now = 0) => starvation.read(1n, '/pod', counted, now);

  it('reads the seconds from cpu.pressure', () => {
    expect(parsePressure(pressure(12.5))).to.equal(12.5);
    expect(parsePressure('full avg10=0.00 avg60=0.00 avg300=0.00 total=5\n')).to.equal(undefined);
  });

  it('is the kernel’s own where it keeps one, and the probes need not count', () => {
    writeFileSync(file(), pressure(3));
    expect(read()).to.equal(3);
    writeFileSync(file(), pressure(4));
    expect(read(100)).to.equal(4);
    expect(probes.starvationCounted).to.equal(false);
  });

  it('is counted by the probes where the kernel keeps none', () => {
    expect(read(0)).to.equal(0);
    expect(probes.starvationCounted).to.equal(true);
    expect(read(2)).to.equal(2);
  });

  it('goes on, and never falls, when the kernel’s own is switched off or on', () => {
    writeFileSync(file(), pressure(10));
    expect(read(0)).to.equal(10);
    rmSync(file());
    expect(read(1)).to.equal(10);
    expect(read(3)).to.equal(12);
    writeFileSync(file(), pressure(10));
    expect(read(4)).to.equal(12);
    writeFileSync(file(), pressure(11));
    expect(read(4)).to.equal(13);
  });

  it('keeps the last value of a pod that has ended, and forgets it', () => {
    writeFileSync(file(), pressure(5));
    read();
    rmSync(path.join(root, 'pod'), { recursive: true });
    expect(read()).to.equal(5);
    expect(probes.starvationCounted).to.equal(false);
    expect(starvation.take(1n)).to.equal(5);
    expect(starvation.take(1n)).to.equal(undefined);
  });

  describe('where no program counts', () => {
    beforeEach(() => {
      starvation = new Starvation(root, new HandMadeProbes(8, []));
      mkdirSync(path.join(root, 'pod', 'container'));
    });
    const stat = (directory: string, text: string) => {
      writeFileSync(path.join(root, directory, 'cpu.stat'), `usage_usec 5000000\n${text}`);
    };
    const throttled = (seconds: number) => `nr_throttled 3\nthrottled_usec ${1e6 * seconds}\n`;

    it('is the time out of quota of the pod and its containers', () => {
      stat('pod', throttled(1));
      stat('pod/container', throttled(2));
      expect(read(0, 0)).to.equal(3);
      stat('pod/container', throttled(4));
      expect(read(0, 10)).to.equal(5);
    });

    it('grows no faster than time, though each CPU is out of quota by itself', () => {
      stat('pod', throttled(0));
      read(0, 0);
      stat('pod', throttled(40));
      expect(read(0, 10)).to.equal(10);
    });

    it('is absent where no controller keeps quotas', () => {
      stat('pod', '');
      expect(read()).to.equal(undefined);
    });
  });

  it('is absent where neither the kernel nor a program measures it', () => {
    const none = new HandMadeProbes(8, []);
    expect(new Starvation(root, none).read(1n, '/pod', 0, 0)).to.equal(undefined);
    expect(none.starvationCounted).to.equal(false);
  });
});
