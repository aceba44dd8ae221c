import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { renderContainers } from '../../exporter/render.js';
import { SelfMetrics } from '../../exporter/self-metrics.js';
import {
  ALL_PROBES,
  BOUNDS,
  busyCounters,
  counters,
  HandMadeProbes,
  identity,
} from '../unit/exporter-fixtures.js';

const PROMTOOL = fileURLToPath(new URL('../../.cache/prometheus/usr/bin/promtool', import.meta.url));

describe('promtool check metrics', () => {
  it('has nothing to say about the exporter’s exposition', async () => {
    const self = new SelfMetrics('1.2.3', () => ({
      containers: { exported: 2, unknown: 0, ignored: 1, folded: 0, retired: 0 },
      podsKnown: 2,
      watchRestarts: 1,
      programs: new HandMadeProbes().programs,
      drops: { slots_full: 0 },
    }));
    self.observeStage('read', 0.0004);
    const series = [
      { identity: identity(), counters: busyCounters(1), live: true },
      { identity: identity({ pod: 'a"b\\c\nd' }), counters: counters(2), live: true },
    ];
    const options = { format: 'text', probes: ALL_PROBES, bounds: BOUNDS } as const;
    const text = [...renderContainers(series, options), await self.render('text')].join('');
    const { status, stdout, stderr, error } = spawnSync(PROMTOOL, ['check', 'metrics'], { input: text });
    expect(error).to.equal(undefined);
    expect(`${stdout.toString()}${stderr.toString()}`).to.equal('');
    expect(status).to.equal(0);
  });
});
