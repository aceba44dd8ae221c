import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { Registry } from 'prom-client';
import { eventually } from '../../eventually.js';
import { collectProcessMetrics } from '../../../common/process-metrics.js';

describe('the metrics of a Node.js process', () => {
  it('have the lag of the event loop only after the first sample', async () => {
    const registry = new Registry();
    collectProcessMetrics(registry, 10);
    const lags = async () =>
      (await registry.metrics()).match(/^nodejs_eventloop_lag_\w+_seconds .*$/gm) ?? [];
    expect(await lags()).to.deep.equal([]);
    let seen: string[] = [];
    await eventually('the event loop was sampled', async () => {
      // Each scrape resets the samples.
      await sleep(100);
      seen = await lags();
      return seen.length > 0;
    });
    expect(seen).to.have.length(7);
    for (const line of seen) expect(Number(line.split(' ')[1]), line).to.be.within(0, 10);
  });

  it('have no lag unless it is enabled', async () => {
    const registry = new Registry();
    collectProcessMetrics(registry);
    await sleep(50);
    expect(await registry.metrics()).not.to.match(/nodejs_eventloop_lag_\w+_seconds/);
  });

  it('have no name that promtool refuses', async () => {
    const registry = new Registry();
    collectProcessMetrics(registry, 10);
    const gauges = (await registry.getMetricsAsJSON()).filter(({ name }) => name.endsWith('_total'));
    expect(gauges.map(({ type }) => String(type))).not.to.include('gauge');
  });
});
