import { spawnSync } from 'node:child_process';
import { expect } from 'chai';
import {
  busyCounters,
  counters,
  identity,
  observedSelfMetrics,
  rendered,
} from '../unit/exporter/fixtures.js';
import { PROMTOOL } from '../../sandbox/paths.js';

describe('promtool check metrics', () => {
  it('accepts the exporter’s exposition without a remark', async () => {
    const self = observedSelfMetrics();
    const series = [
      { identity: identity(), counters: busyCounters(1), live: true },
      { identity: identity({ pod: 'a"b\\c\nd' }), counters: counters(2), live: true },
    ];
    const text = Buffer.concat([rendered(series, 'text'), await self.render('text')]);
    const { status, stdout, stderr, error } = spawnSync(PROMTOOL, ['check', 'metrics'], { input: text });
    expect(error).to.equal(undefined);
    expect(`${stdout.toString()}${stderr.toString()}`).to.equal('');
    expect(status).to.equal(0);
  });
});
