import { expect } from 'chai';
import type { Sign } from '../../../../scaler/core/decision.js';
import { detailsOf } from '../../../../scaler/core/details.js';
import {
  AS_USUAL,
  byHarm,
  decisionOf,
  demandOf,
  harmOf,
  healthy,
  ON_DISK,
  part,
  type Made,
} from './traces.js';

/** Rows of a section, without the title in front of its state. */
function section(title: string, made: Made): string[] {
  const found = detailsOf(decisionOf(made)).find((it) => it.title.startsWith(title));
  return found ? [found.title, ...found.rows.map(({ name, text }) => `${name}: ${text}`)] : [];
}

const signRows = (signs: readonly Sign[]) =>
  section('Harm', { harm: harmOf('cpu', [part('cpu', 20, 10)], { signs }) }).filter((row) =>
    row.startsWith('sign'),
  );

describe('the details of a decision', () => {
  it('add up the demand', () => {
    const demand = demandOf(31, { answered: 9.8, abandoned: 2, backlog: 0.05, beside: 0.02, perPod: 0.1 });
    expect(section('Demand', { demand })).to.deep.equal([
      'Demand',
      'estimated by: requests that arrive × CPU time each',
      'requests: 31 requests/s arrive, 9.8 answered, 2 given up',
      'sized for: 31 requests/s',
      'CPU time per request: 10.2 ms now, usually 10.2 ms; sized by 10.2 ms',
      'for the backlog: 0.05 cores',
      'beside requests: 0.02 cores',
      'demand: 0.386 cores',
      'a pod gets: 0.1 cores, less than its request',
      'confidence: high',
    ]);
  });

  it('say why an estimate is doubtful, and by how many threads a workload is sized', () => {
    const threads = { busy: 12.4, perPod: 3.5, replicas: 4 };
    const doubt = 'no requests are counted';
    const demand = { method: 'usage', cores: 0.2, confidence: 'low', doubt, threads } as const;
    expect(section('Demand', { demand })).to.deep.equal([
      'Demand',
      'estimated by: CPU in use',
      'demand: 0.2 cores',
      'threads: 12.4 serve at once, a pod carries 3.5',
      'confidence: low: no requests are counted',
    ]);
  });

  it('compare each part of a request with the usual, and each sign with its limit', () => {
    const protectedBy = ['it is harmed'];
    const harm = harmOf('disk', [...ON_DISK, part('queue', 4)], { protectedBy });
    expect(section('Harm', { harm })).to.deep.equal([
      'Harm: disk, for 40 s',
      'a request: 214 ms (6.7× the usual 32 ms)',
      'disk: 180 ms (15× the usual 12 ms)',
      'CPU: 30 ms (usually 20 ms)',
      'queueing for threads: 4 ms (usual not known yet)',
      'sign: answers take 214 ms, usually 32 ms (limit 64 ms)',
      'protected: it is harmed',
    ]);
  });

  it('tell no harm from harm that is not certain yet and from slowness that is intended', () => {
    const signs = harmOf('disk', ON_DISK).signs;
    const title = (changes: Parameters<typeof healthy>[1]) =>
      section('Harm', { harm: healthy(AS_USUAL, changes) })[0];
    expect(title({})).to.equal('Harm: none');
    expect(title({ signs })).to.equal('Harm: signs, not for long enough yet');
    expect(title({ intended: true })).to.equal('Harm: none (slower because it is used more, as intended)');
  });

  it('give every sign its value and its limit', () => {
    const peer = 'shop/Deployment/orders';
    expect(
      signRows([
        { kind: 'objective', value: 0.08, limit: 0.05 },
        { kind: 'pilesUp', value: 42, limit: 12 },
        { kind: 'backlog', value: 3.14, limit: 2 },
        { kind: 'silent', value: 1, limit: 0 },
        { kind: 'abandoned', value: 0.08, limit: 0.05 },
        { kind: 'peerFails', value: 0.6, limit: 0.05, peer },
        { kind: 'peerAbandoned', value: 0.07, limit: 0.05, peer },
        { kind: 'silent', value: 1, limit: 0, peer },
        { kind: 'collapse', value: 0.4, limit: 0.5 },
        { kind: 'collapse', value: 0.1, limit: 0.5, peer },
      ]),
    ).to.deep.equal([
      'sign: latency is 80 ms (objective 50 ms)',
      'sign: 42 more requests arrived than were answered or given up (limit 12)',
      'sign: the requests that wait take 3.1 s to answer (limit 2 s)',
      'sign: nothing is answered while requests wait',
      'sign: clients give up 8 % of their requests (limit 5 %)',
      'sign: 60 % of the calls to shop/orders fail (limit 5 %)',
      'sign: 7 % of the calls to shop/orders are given up (limit 5 %)',
      'sign: shop/orders answers nothing',
      'sign: CPU time per answer is 40 % of the usual (limit 50 %): it fails fast',
      'sign: calls to shop/orders per answer are 10 % of the usual (limit 50 %): it fails fast',
    ]);
  });

  it('name the step that the cause of harm chose', () => {
    const { steps } = byHarm('disk', 'hold');
    const others = [{ class: 'lock', action: 'step', outcome: 'no', evidence: [] } as const];
    expect(section('Class', { class: 'disk', steps: [...steps, ...others] })).to.deep.equal([
      'Class: disk',
      'disk: matched: cause of harm → hold',
      'lock: did not match: cause of harm',
    ]);
  });

  it('have no section for what is not measured', () => {
    expect(detailsOf(decisionOf({})).map(({ title }) => title)).to.deep.equal([
      'Measured',
      'Class: none',
      'Replicas',
    ]);
  });
});
