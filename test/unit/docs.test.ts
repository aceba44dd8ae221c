import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { EXPORTED } from '../../scaler/promql/known-metrics.js';
import { KNOWN_METRICS, knownMetrics, metricsPage } from '../docs/metrics.js';
import { fromRoot } from '../../sandbox/paths.js';

describe('docs/metrics.md', () => {
  it('is up to date (npm run metrics)', async () => {
    expect(readFileSync(fromRoot('docs/metrics.md'), 'utf8')).to.equal(await metricsPage());
  });

  it('lists every metric', async () => {
    const listed = [...(await metricsPage()).matchAll(/^\| `(\w+)` \|/gm)].map(([, name]) => name);
    const all = EXPORTED.filter((name) => !/_(bucket|sum|count)$/.test(name));
    expect([...new Set(listed)]).to.have.members(all);
  });
});

describe('the metrics that the scaler knows', () => {
  it('are those that exporter and scaler export (npm run metrics)', async () => {
    expect(readFileSync(KNOWN_METRICS, 'utf8')).to.equal(await knownMetrics());
  });
});
