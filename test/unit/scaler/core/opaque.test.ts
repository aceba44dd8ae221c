import { expect } from 'chai';
import { decide } from '../../../../scaler/core/decide-round.js';
import type { Measures, OpaquePod } from '../../../../scaler/core/measures.js';
import { measuresOfAll, opaqueText, opaqueTrace } from '../../../../scaler/core/opaque.js';
import { EMPTY_HISTORY, type History, type Samples } from '../../../../scaler/core/round.js';
import type { Reading, Rule } from '../../../../scaler/core/types.js';
import { at, NOW, pod, ruleFor } from './fixtures.js';

const opaque = (amount: number, reason = 'no_btf'): OpaquePod[] =>
  Array.from({ length: amount }, (_, index) => ({ pod: `p${index}`, reason }));

function measures(changes: Partial<Measures> = {}): Measures {
  return {
    window: 60,
    timestamp: NOW,
    pods: 4,
    opaque: opaque(4),
    states: { oncpu: 0.4 },
    starved: 0.1,
    calls: [],
    ...changes,
  };
}

/** A workload of pods that each request a core; a target of 70 % is 0.7 of it. */
function samplesOf(of: Measures, signals: Record<string, Reading> = {}): Samples {
  const absent: Reading = { absent: 'missing', text: 'no series' };
  const { oncpu = 0 } = of.states;
  return {
    replicas: of.pods,
    edges: [],
    windows: { recent: of, settled: of },
    signals: {
      cpu: at(oncpu),
      request: at(1),
      pods: at(of.pods),
      blockio: absent,
      wait: absent,
      lock: absent,
      ...signals,
    },
  };
}

describe('a workload that cannot be seen into', () => {
  /** Decides every 10 s; replicas stay where they are. */
  function after(seconds: number, samples: Samples, rule: Rule = ruleFor('web')) {
    let history: History = EMPTY_HISTORY;
    for (let elapsed = 0; ; elapsed += 10) {
      const now = NOW + elapsed;
      const decision = decide({ ...rule, maxAge: {} }, samples, history, now);
      if (elapsed >= seconds) return decision;
      history = decision.historyIfNotApplied;
    }
  }

  it('shrinks by the CPU that it uses, after a full window', () => {
    const { replicas, class: bound, reason } = after(300, samplesOf(measures()));
    expect([replicas, bound]).to.deep.equal([1, 'none']);
    expect(reason).to.include('; cannot see into 4 of 4 pods: the node has no BTF');
  });

  it('is not held by steps about threads, which nobody sees', () => {
    const decideBy = [
      { bound: 'lock', when: { lock: { above: 0.5 } }, for: 0, keepFor: 0, action: 'hold', maxHops: 8 },
    ] as const;
    expect(after(300, samplesOf(measures()), ruleFor('web', { decide: decideBy })).replicas).to.equal(1);
  });

  it('is held where its target is about threads', () => {
    const rule = ruleFor('web', { target: { signal: 'lock', averageValue: 1 } });
    const { replicas, class: bound } = after(300, samplesOf(measures()), rule);
    expect([replicas, bound]).to.deep.equal([4, 'unknown']);
  });

  it('still has gaps in its data where a signal of one’s own is missing', () => {
    const when = { queue: { above: 1 } };
    const step = { bound: 'queue', when, for: 0, keepFor: 0, action: 'scale', maxHops: 8 } as const;
    const samples = samplesOf(measures(), { queue: { absent: 'missing', text: 'no series' } });
    expect(after(300, samples, ruleFor('web', { decide: [step] })).replicas).to.equal(4);
  });

  describe('and is saturated', () => {
    const saturated = (used: number) => samplesOf(measures({ starved: 1, states: { oncpu: used } }));
    const next = (history: History, used: number, now: number) =>
      decide(ruleFor('web', { maxAge: {} }), saturated(used), history, now);

    it('grows by one step, and by another only if the first has helped', () => {
      const first = next(EMPTY_HISTORY, 1, NOW);
      expect([first.replicas, first.trace.demand?.method]).to.deep.equal([6, 'step']);
      expect(next(first.history, 1.05, NOW + 60).replicas).to.equal(4);
      expect(next(first.history, 1.2, NOW + 60).replicas).to.equal(6);
    });

    it('does not shrink', () => {
      const { history } = next(EMPTY_HISTORY, 1, NOW);
      const { replicas, trace } = after(300, saturated(1), ruleFor('web', {}));
      expect(replicas).to.be.at.least(4);
      expect(next(history, 1, NOW + 60).trace.noScaleDown).to.deep.equal([
        'its pods wait for a CPU 100 % of the time',
      ]);
      expect(trace.opaque).to.include({ pods: 4, of: 4 });
    });
  });
});

describe('the measures of all pods', () => {
  it('are those of the pods that are seen into, as if the others did the same', () => {
    const requests = {
      ...{ arrived: 30, answered: 20, abandoned: 1, dropped: 0, inVain: 0, retried: 0 },
      ...{ outstanding: 2, served: 1, thought: { requests: 4, seconds: 8 } },
    };
    const call = {
      peer: '10.0.0.1:80',
      to: { type: 'external' } as const,
      ...{ sent: 3, answered: 3, waited: 0.3, outstanding: 0.3, abandoned: 0, failed: 0 },
    };
    const seen = measures({
      pods: 3,
      opaque: opaque(1),
      states: { oncpu: 0.9, idle: 8 },
      serving: { oncpu: 0.5 },
      requests,
      calls: [call],
    });
    const all = measuresOfAll(seen);
    expect(all).to.include({ pods: 3, starved: 0.1, window: 60 });
    expect([all.states, all.serving]).to.deep.equal([{ oncpu: 0.9, idle: 12 }, { oncpu: 0.75 }]);
    expect(all.requests).to.deep.include({ arrived: 45, thought: { requests: 6, seconds: 12 } });
    expect(all.calls).to.deep.equal([
      { ...call, sent: 4.5, answered: 4.5, waited: 0.3 * 1.5, outstanding: 0.3 * 1.5 },
    ]);
  });

  it('are as they are where no pod is seen into, or every one', () => {
    for (const one of [measures(), measures({ opaque: [] })]) expect(measuresOfAll(one)).to.equal(one);
  });
});

describe('the sentence about pods that cannot be seen into', () => {
  const text = (all: readonly OpaquePod[], nodes: readonly string[]) => {
    const trace = opaqueTrace({
      ...samplesOf(measures({ pods: 8, opaque: all })),
      pods: nodes.map((node, index) => pod(`p${index}`, { node })),
    });
    return trace && opaqueText(trace);
  };

  it('names pods, nodes and reasons', () => {
    expect(text(opaque(3), ['pi-2', 'pi-2', 'pi-2'])).to.equal(
      'cannot see into 3 of 8 pods: node pi-2 has no BTF',
    );
    expect(text(opaque(2), ['pi-3', 'pi-2'])).to.equal(
      'cannot see into 2 of 8 pods: nodes pi-2, pi-3 have no BTF',
    );
    expect(text([...opaque(1, 'no_rights'), { pod: 'k', reason: 'sandboxed' }], ['a'])).to.equal(
      'cannot see into 2 of 8 pods: the exporter on node a may load no BPF programs; sandboxes hide their threads',
    );
    expect(text(opaque(1, 'refused'), [])).to.equal(
      'cannot see into 1 of 8 pods: the kernel of the node refuses the BPF programs',
    );
    expect(text([], [])).to.equal(undefined);
  });
});
