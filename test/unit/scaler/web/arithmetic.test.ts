import { expect } from 'chai';
import { arithmetic } from '../../../../scaler/web/arithmetic.js';
import { decisionOf, demandOf, type Made } from '../core/traces.js';

describe('the arithmetic of a decision', () => {
  const lines = (made: Made) =>
    arithmetic(decisionOf(made).trace).map((line) => line.replaceAll('\u00a0', ' '));

  it('leads from requests to pods', () => {
    expect(lines({ demand: demandOf(24) })).to.deep.equal([
      '24 requests/s × 10.2 ms of CPU = 0.245 cores',
      '0.245 cores ÷ 0.07 cores per pod = 3.5, rounded up: 4 pods',
    ]);
  });

  it('names what is added to the requests, and assumed of pods without data', () => {
    const sizing = { signal: 'cpu', demand: 0.3, targetPerPod: 0.1, ratio: 1.6, replicas: 4 };
    expect(
      lines({
        demand: demandOf(10, { backlog: 0.1, beside: 0.05 }),
        sizing: { ...sizing, assumed: { pods: 1, amount: 0.1 } },
      }),
    ).to.deep.equal([
      '10 requests/s × 10.2 ms of CPU + 0.1 cores for the backlog + 0.05 cores beside requests = 0.252 cores',
      '0.3 cores + 0.1 cores assumed of 1 pod = 0.4 cores',
      '0.4 cores ÷ 0.1 cores per pod = 4, rounded up: 4 pods',
    ]);
  });

  it('is of the signal where that is not the CPU, and of its ratio where it is no load per pod', () => {
    const sizing = { signal: 'queue', demand: 30, ratio: 1.5, replicas: 3 };
    expect(lines({ sizing: { ...sizing, targetPerPod: 10 } })).to.deep.equal([
      '30 queue ÷ 10 queue per pod = 3, rounded up: 3 pods',
    ]);
    expect(lines({ currentReplicas: 2, sizing: { ...sizing, targetValue: 20 } })).to.deep.equal([
      '30 queue ÷ target 20 queue = 1.5',
      '2 replicas × 1.5 = 3',
    ]);
  });

  it('is absent where nothing was sized', () => {
    expect(lines({ sizing: undefined })).to.deep.equal([]);
  });
});
