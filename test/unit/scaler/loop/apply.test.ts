import { expect } from 'chai';
import { KernscaleError } from '../../../../common/errors.js';
import type { ExplainedDecision } from '../../../../scaler/core/decision.js';
import { apply } from '../../../../scaler/loop/apply.js';
import { RULE } from '../core/traces.js';

describe('apply', () => {
  const decision = { replicas: 5, trace: { currentReplicas: 2 } } as ExplainedDecision;
  const scalesAt = (replicas: number, set: () => Promise<never> | undefined = () => undefined) => {
    const written: [number, string][] = [];
    return {
      written,
      get: () => Promise.resolve({ replicas, resourceVersion: '42', uid: 'u' }),
      set: async (_target: unknown, wanted: number, version: string) => {
        await set();
        written.push([wanted, version]);
        return { replicas: wanted, resourceVersion: '43', uid: 'u' };
      },
    };
  };

  it('writes with the resource version that it read', async () => {
    const scales = scalesAt(2);
    expect(await apply(scales, RULE, decision, true)).to.deep.equal({ outcome: 'applied' });
    expect(scales.written).to.deep.equal([[5, '42']]);
  });

  it('yields to a client that set other replicas since the decision', async () => {
    const scales = scalesAt(3);
    expect(await apply(scales, RULE, decision, true)).to.have.property('outcome', 'conflict');
    expect(scales.written).to.deep.equal([]);
  });

  it('writes nothing without a change, in a dry run, and while another scaler leads', async () => {
    const scales = scalesAt(2);
    const same = { ...decision, replicas: 2 };
    expect(await apply(scales, RULE, same, true)).to.deep.equal({ outcome: 'unchanged' });
    expect(await apply(scales, { ...RULE, dryRun: true }, decision, true)).to.deep.equal({
      outcome: 'dry_run',
    });
    expect(await apply(scales, RULE, decision, false)).to.deep.equal({ outcome: 'not_leader' });
    expect(scales.written).to.deep.equal([]);
  });

  it('writes nothing once the budget of changes is spent, which other outcomes do not touch', async () => {
    const scales = scalesAt(2);
    const taken: string[] = [];
    const budget = { take: (namespace: string) => (taken.push(namespace) > 1 ? 'it is spent' : undefined) };
    expect(await apply(scales, RULE, decision, false, budget)).to.have.property('outcome', 'not_leader');
    expect(await apply(scales, RULE, decision, true, budget)).to.deep.equal({ outcome: 'applied' });
    expect(await apply(scales, RULE, decision, true, budget)).to.deep.equal({
      outcome: 'over_budget',
      error: { code: 'CHANGE_BUDGET', message: 'it is spent' },
    });
    expect(taken).to.have.length(2);
    expect(scales.written).to.have.length(1);
  });

  it('distinguishes a conflict from a failure', async () => {
    const failing = (code: string) => scalesAt(2, () => Promise.reject(new KernscaleError(code, 'no')));
    expect(await apply(failing('API_CONFLICT'), RULE, decision, true)).to.have.property(
      'outcome',
      'conflict',
    );
    expect(await apply(failing('API_FORBIDDEN'), RULE, decision, true)).to.deep.equal({
      outcome: 'failed',
      error: { code: 'API_FORBIDDEN', message: 'no' },
    });
  });

  it('reads whether a write without a response was carried out', async () => {
    const timeout = new KernscaleError('API_TIMEOUT', 'no response');
    for (const [now, outcome] of [
      [5, 'applied'],
      [2, 'failed'],
    ] as const) {
      let replicas = 2;
      const get = () => Promise.resolve({ replicas, resourceVersion: '42', uid: 'u' });
      const set = () => {
        replicas = now;
        return Promise.reject(timeout);
      };
      expect(await apply({ get, set }, RULE, decision, true)).to.have.property('outcome', outcome);
    }
  });
});
