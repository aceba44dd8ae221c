import { expect } from 'chai';
import { KubeConfig } from '@kubernetes/client-node';
import { pino } from 'pino';
import { watchResource, type Watched } from '../../../common/kubernetes-watch.js';
import { LoopbackApi } from '../loopback-api.js';

describe('a list in pages', () => {
  let api: LoopbackApi;
  let watched: Watched<string>;

  beforeEach(async () => {
    api = new LoopbackApi();
    await api.start();
    for (const name of ['a', 'b', 'c', 'd', 'e']) api.put({ metadata: { namespace: 'shop', name } });
    api.pageSize = 2;
  });

  afterEach(async () => {
    watched.stop();
    await api.stop();
  });

  async function list(): Promise<readonly string[]> {
    const config = new KubeConfig();
    config.loadFromString(api.kubeconfig());
    watched = watchResource({
      config,
      path: '/api/v1/pods',
      log: pino({ enabled: false }),
      keep: (object) => object.fields('metadata').required('name'),
    });
    await watched.synced;
    return watched.list();
  }

  it('has all objects', async () => {
    expect(await list()).to.deep.equal(['a', 'b', 'c', 'd', 'e']);
    const [first, second, third] = api.requests.map(({ url }) => Object.fromEntries(url.searchParams));
    expect(first).to.deep.equal({ limit: '500', resourceVersion: '0' });
    expect(second).to.deep.equal({ limit: '500', continue: '2' });
    expect(third).to.deep.equal({ limit: '500', continue: '4' });
  });

  it('is read at once where its pages expire meanwhile', async () => {
    api.expirePages = true;
    expect(await list()).to.deep.equal(['a', 'b', 'c', 'd', 'e']);
    expect(api.lists).to.equal(3);
    expect(watched.problems()).to.deep.equal([]);
  });
});
