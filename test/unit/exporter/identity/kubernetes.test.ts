import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect } from 'chai';
import { pino } from 'pino';
import { eventually } from '../../../eventually.js';
import { loadKubeConfig } from '../../../../common/kubeconfig.js';
import type { Watched } from '../../../../common/kubernetes-watch.js';
import { watchPods } from '../../../../exporter/identity/kubernetes.js';
import type { KnownPod } from '../../../../exporter/identity/pods.js';
import { LoopbackApi } from '../../loopback-api.js';

describe('the pods of a node', () => {
  let directory: string;
  let api: LoopbackApi;
  let pods: Watched<KnownPod>;
  let logged: { node?: string; msg: string }[];

  beforeEach(async () => {
    directory = mkdtempSync(path.join(tmpdir(), 'kernscale-'));
    api = new LoopbackApi();
    await api.start();
    logged = [];
  });

  afterEach(async () => {
    pods.stop();
    await api.stop();
    rmSync(directory, { recursive: true });
  });

  async function watch(): Promise<void> {
    writeFileSync(path.join(directory, 'kubeconfig'), api.kubeconfig());
    const log = pino({}, { write: (line) => logged.push(JSON.parse(line) as (typeof logged)[0]) });
    pods = watchPods(loadKubeConfig(path.join(directory, 'kubeconfig')), 'Node-7', log);
    await pods.synced;
    await eventually('watching', () => api.watching === 1);
  }

  it('are requested by the name of the node', async () => {
    api.put({ metadata: { namespace: 'shop', name: 'a' } });
    await watch();
    expect(api.requests[0]!.url.searchParams.get('fieldSelector')).to.equal('spec.nodeName=Node-7');
    expect(logged).to.deep.equal([]);
  });

  it('are kept as identities, whether listed or watched', async () => {
    const uid = (name: string) => ({ metadata: { namespace: 'shop', name, uid: `uid-${name}` }, spec: {} });
    api.put(uid('a'));
    await watch();
    api.put(uid('b'));
    await eventually('b', () => pods.list().length === 2);
    expect(pods.list().map((known) => Object.keys(known))).to.deep.equal([
      ['key', 'identity'],
      ['key', 'identity'],
    ]);
    expect(pods.list().map(({ key }) => key)).to.deep.equal(['uid-a', 'uid-b']);
  });

  it('are missing under a wrong name, which is logged', async () => {
    await watch();
    expect(logged).to.have.length(1);
    expect(logged[0]!).to.include({ node: 'Node-7' });
    expect(logged[0]!.msg).to.match(/no pod on this node; set --kubernetes\.node-name/);
  });
});
