import { expect } from 'chai';
import { STALE, tabulate } from '../../../../scaler/loop/signals.js';

const NOW = 1_700_000_000;
const labelsOf = (workload: string) => ({ namespace: 'shop', workload, workload_kind: 'Deployment' });

describe('the signal that wakes a workload', () => {
  const ageOf = (byNewest: boolean) => {
    const result = { ok: true as const, samples: [{ labels: labelsOf('asleep'), value: 3, timestamp: NOW }] };
    // The workload has no pods, so none of the data is of its own.
    const freshness = [
      { ok: true as const, samples: [{ labels: labelsOf('caller'), value: NOW - 9, timestamp: NOW }] },
    ];
    const signals = new Map([['a', { result, freshness, ...(byNewest && { byNewest: true as const }) }]]);
    return tabulate(signals, NOW).get('a')!.scrapedAt('shop/Deployment/asleep');
  };

  it('is as old as the newest of its data, of whatever workload', () => {
    expect(ageOf(true)).to.equal(NOW - 9);
    expect(ageOf(false)).to.equal(STALE);
  });
});
