import { expect } from 'chai';
import { KubeConfig } from '@kubernetes/client-node';
import { pino } from 'pino';
import { eventually } from '../../../eventually.js';
import { LeaderElection } from '../../../../scaler/kubernetes/leader.js';
import { LoopbackApi } from '../../loopback-api.js';

describe('a leader election whose API', () => {
  for (const [how, fault] of [
    ['fails', (api: LoopbackApi) => (api.failWith = 500)],
    ['does not respond', (api: LoopbackApi) => (api.silent = true)],
    ['sends what is no Lease', (api: LoopbackApi) => (api.listBody = '{"metadata":null,"spec":7}')],
  ] as const) {
    it(`${how} is a problem, and unready once that lasts`, async () => {
      const api = new LoopbackApi();
      fault(api);
      await api.start();
      const config = new KubeConfig();
      config.loadFromString(api.kubeconfig());
      const abort = new AbortController();
      const election = new LeaderElection({
        ...{ config, namespace: 'kernscale', name: 'scaler', identity: 'me', abort: abort.signal },
        log: pino({ level: 'silent' }),
        times: { leaseDuration: 0.3, renewDeadline: 0.2, retryPeriod: 0.05 },
      });
      try {
        election.start();
        const problem = await eventually('a problem', () => election.problem());
        expect(problem).to.match(/^The lease kernscale\/scaler has not been read for \d+ s, so no replicas/);
        await eventually('unready', () => election.unready());
        expect(election.leads).to.equal(false);
      } finally {
        abort.abort();
        await election.stop();
        await api.stop();
      }
    });
  }
});
