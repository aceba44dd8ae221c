import { expect } from 'chai';
import { STATES } from '../../native/types.js';
import { judgeCount, judgeStates, type Quota } from './guest/judge.js';
import type { StateSeconds, TaskReport } from './guest/report.js';

const NOTHING = Object.fromEntries(STATES.map((state) => [state, 0])) as StateSeconds;
const seen = (seconds: Partial<StateSeconds>) => ({ ...NOTHING, ...seconds });

/** Two seconds of life, 1.8 of them in calls that block. */
const READER: TaskReport & Quota = {
  threadSeconds: 2,
  unsureSeconds: 0.01,
  blockedSeconds: 1.8,
  throttledSeconds: 0,
  cpuSeconds: 0.2,
  operations: 100,
  bytes: 409_600,
};

describe('the verdict on a task', () => {
  it('accepts what the task knows, less the way into and out of its calls', () => {
    const truth = judgeStates('reader', 'disk', READER, seen({ oncpu: 0.2, runqueue: 0.1, disk: 1.7 }));
    expect(truth).to.include({ ok: true, share: 1 });
  });

  it('refuses a wrong reason, lost time, invented time and unknown time', () => {
    const verdict = (seconds: Partial<StateSeconds>) =>
      judgeStates('reader', 'disk', READER, seen({ oncpu: 0.2, ...seconds })).ok;
    expect(verdict({ disk: 1.6, lock: 0.2 }), 'wrong reason').to.equal(false);
    expect(verdict({ disk: 1.7 }), 'lost').to.equal(false);
    expect(verdict({ disk: 1.9 }), 'invented').to.equal(false);
    expect(verdict({ disk: 1.77, other: 0.03 }), 'unknown').to.equal(false);
    expect(verdict({}), 'nothing').to.equal(false);
  });

  it('tells being out of quota from waiting for a CPU', () => {
    const task = { ...READER, blockedSeconds: 0, cpuSeconds: 0.4, throttledSeconds: 1.6 };
    expect(judgeStates('burner', 'throttled', task, seen({ oncpu: 0.4, throttled: 1.6 })).ok).to.equal(true);
    expect(judgeStates('burner', 'throttled', task, seen({ oncpu: 0.4, runqueue: 1.6 })).ok).to.equal(false);
  });

  it('counts exactly, within what may be under way', () => {
    expect(judgeCount('reader', 'bytes', 409_600, 409_600, 0)).to.include({ ok: true, share: 1 });
    expect(judgeCount('reader', 'bytes', 409_600, 405_504, 0).ok).to.equal(false);
    expect(judgeCount('server', 'requests', 100, 99, 1).ok).to.equal(true);
  });
});
