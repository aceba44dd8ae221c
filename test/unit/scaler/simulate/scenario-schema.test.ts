import { expect } from 'chai';
import { parse } from 'yaml';
import { scenarioOf } from '../../../../scaler/simulate/scenario-schema.js';

const FILE = `
name: surge
length: 30m
services:
  - name: front
    replicas: 2
    request: 200m
    limit: request
    work: {cpu: {mean: 10ms, shape: lognormal, parameter: 1}, disk: 2ms}
    calls: [{to: db, timeout: 5s, pool: 10}]
  - {name: loop, request: 1, limit: 2x, threads: loop, work: {cpu: 5ms}}
outside:
  - {name: db, time: {mean: 5ms}, capacity: 20}
clients:
  - {to: front, load: 10 60@5m, timeout: 10s, retries: 2}
  - {name: users, to: loop, kind: closed, load: {ramp: 0 10@10s}, think: 2s}
  - {name: file, to: loop, load: {file: trace.txt, scale: 0.5}}
faults:
  - {kind: slow, to: db, factor: 20, at: 10m, for: 5m}
truth: {bottleneck: db}
`;

describe('a scenario file', () => {
  const read = (text: string) => scenarioOf(parse(text), (file) => `${file.length}\n20\n`);

  it('gives seconds, cores and profiles, with the defaults filled in', () => {
    const { services, clients, outside, faults, truth, ...rest } = read(FILE);
    expect(rest).to.deep.include({
      name: 'surge',
      seed: 1,
      length: 1800,
      bucket: 1,
      scrape: { interval: 15, lag: 1 },
    });
    expect(services[0]).to.deep.include({
      request: 0.2,
      limit: 0.2,
      threads: 8,
      work: {
        cpu: { mean: 0.01, shape: 'lognormal', parameter: 1 },
        disk: { mean: 0.002, shape: 'constant', parameter: 0 },
      },
      calls: [{ to: 'db', probability: 1, times: 1, timeout: 5, retries: 0, pool: 10 }],
    });
    expect(services[1]).to.include({ request: 1, limit: 2, threads: 'loop', startup: 20 });
    expect(outside[0]!.time).to.include({ mean: 0.005, shape: 'exponential' });
    expect(clients[0]!.load).to.deep.equal([
      { from: 0, value: 10 },
      { from: 300, value: 60 },
    ]);
    expect(clients[1]!.load).to.have.lengthOf(11);
    expect(clients[2]!.load).to.deep.equal([
      { from: 0, value: 4.5 },
      { from: 1, value: 10 },
    ]);
    expect(faults).to.deep.equal([{ kind: 'slow', to: 'db', factor: 20, at: 600, for: 300 }]);
    expect(truth).to.deep.equal({ bottleneck: 'db' });
  });

  it('rejects what is unknown or cannot be read', () => {
    for (const [good, wrong] of [
      ['30m', '30 minutes'],
      ['replicas: 2', 'replica: 2'],
      ['request: 200m', 'request: 200x'],
      ['to: db, timeout', 'to: cache, timeout'],
      ['kind: slow, to: db', 'kind: slow, to: front'],
      ['10 60@5m', '10 60@5'],
      ['to: loop, kind', 'to: lop, kind'],
    ] as const) {
      expect(() => read(FILE.replace(good, wrong)), wrong).to.throw();
    }
  });
});
