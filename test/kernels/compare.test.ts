import { expect } from 'chai';
import { STATES } from '../../native/layout.js';
import { compareCount, compareStates, type Quota } from './guest/compare.js';
import type { StateSeconds, TaskReport } from './guest/report.js';

const NOTHING = Object.fromEntries(STATES.map((state) => [state, 0])) as StateSeconds;
const seen = (seconds: Partial<StateSeconds>) => ({ ...NOTHING, ...seconds });

/** Lives 2 s, of which it spends 1.8 s in calls that block. */
const READER: TaskReport & Quota = {
  threadSeconds: 2,
  unsureSeconds: 0.01,
  blockedSeconds: 1.8,
  throttledSeconds: 0,
  cpuSeconds: 0.2,
  operations: 100,
  bytes: 409_600,
};

describe('comparison with a task that measures itself', () => {
  it('accepts the time of blocking calls less the CPU time of entering and leaving them', () => {
    const truth = compareStates('reader', 'disk', READER, seen({ oncpu: 0.2, runqueue: 0.1, disk: 1.7 }));
    expect(truth).to.include({ ok: true, share: 1 });
  });

  it('rejects a wrong reason, lost time, invented time and unknown time', () => {
    const accepts = (seconds: Partial<StateSeconds>) =>
      compareStates('reader', 'disk', READER, seen({ oncpu: 0.2, ...seconds })).ok;
    expect(accepts({ disk: 1.6, lock: 0.2 }), 'wrong reason').to.equal(false);
    expect(accepts({ disk: 1.7 }), 'lost').to.equal(false);
    expect(accepts({ disk: 1.9 }), 'invented').to.equal(false);
    expect(accepts({ disk: 1.77, other: 0.03 }), 'unknown').to.equal(false);
    expect(accepts({}), 'nothing').to.equal(false);
  });

  it('distinguishes throttling from waiting for a CPU', () => {
    const task = { ...READER, blockedSeconds: 0, cpuSeconds: 0.4, throttledSeconds: 1.6 };
    expect(compareStates('burner', 'throttled', task, seen({ oncpu: 0.4, throttled: 1.6 })).ok).to.equal(
      true,
    );
    expect(compareStates('burner', 'throttled', task, seen({ oncpu: 0.4, runqueue: 1.6 })).ok).to.equal(
      false,
    );
  });

  it('requires an exact count, except for operations under way', () => {
    expect(compareCount('reader', 'bytes', 409_600, 409_600, 0)).to.include({ ok: true, share: 1 });
    expect(compareCount('reader', 'bytes', 409_600, 405_504, 0).ok).to.equal(false);
    expect(compareCount('server', 'requests', 100, 99, 1).ok).to.equal(true);
  });
});
