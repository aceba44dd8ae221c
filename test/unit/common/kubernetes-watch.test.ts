import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect } from 'chai';
import { pino } from 'pino';
import { eventually } from '../../eventually.js';
import type { Fields } from '../../../common/fields.js';
import { loadKubeConfig } from '../../../common/kubeconfig.js';
import { watchResource, type Watched } from '../../../common/kubernetes-watch.js';
import { LoopbackApi, type ApiObject } from '../loopback-api.js';

interface Kept {
  name: string;
  x: number | undefined;
}

const keep = (object: Fields): Kept => ({
  name: object.fields('metadata').required('name'),
  x: object.fields('spec').count('x'),
});

const pod = (name: string, extra: Record<string, unknown> = {}): ApiObject => ({
  metadata: { namespace: 'shop', name },
  ...extra,
});

describe('a watched resource', () => {
  let directory: string;
  let api: LoopbackApi;
  let watched: Watched<Kept>;
  let logged: { level: number; msg: string }[];

  beforeEach(async () => {
    directory = mkdtempSync(path.join(tmpdir(), 'kernscale-'));
    logged = [];
    api = new LoopbackApi();
    await api.start();
  });

  afterEach(async () => {
    watched.stop();
    await api.stop();
    rmSync(directory, { recursive: true });
  });

  function watch(user?: Record<string, string>): void {
    const file = path.join(directory, 'kubeconfig');
    writeFileSync(file, api.kubeconfig(user));
    watched = watchResource({
      config: loadKubeConfig(file),
      path: '/api/v1/pods',
      fieldSelector: 'spec.nodeName=n1',
      labelSelector: 'app=x',
      keep,
      log: pino({ level: 'debug' }, { write: (line) => logged.push(JSON.parse(line) as (typeof logged)[0]) }),
      retrySeconds: { min: 0.02, max: 0.1 },
    });
  }

  const names = () =>
    watched
      .list()
      .map(({ name }) => name)
      .sort();
  const warnings = () => logged.filter(({ level }) => level >= 40).map(({ msg }) => msg);

  it('lists, then follows additions, changes and deletions', async () => {
    api.put(pod('a'));
    watch();
    expect(watched.hasSynced).to.equal(false);
    await watched.synced;
    expect(watched.hasSynced).to.equal(true);
    expect(names()).to.deep.equal(['a']);
    let changes = 0;
    watched.onChange(() => changes++);
    await eventually('watching', () => api.watching === 1);
    api.put(pod('b'));
    api.put(pod('a', { spec: { x: 1 } }));
    api.delete('shop', 'b');
    await eventually('three changes', () => changes === 3);
    expect(watched.list()).to.deep.equal([{ name: 'a', x: 1 }]);
  });

  it('requests its selectors, bookmarks and the API server’s cache, with the token', async () => {
    watch();
    await eventually('watching', () => api.watching === 1);
    const [list, follow] = api.requests;
    expect(list!.url.pathname).to.equal('/api/v1/pods');
    expect(Object.fromEntries(list!.url.searchParams)).to.deep.equal({
      resourceVersion: '0',
      limit: '500',
      fieldSelector: 'spec.nodeName=n1',
      labelSelector: 'app=x',
    });
    expect(list!.authorization).to.equal('Bearer secret');
    expect(follow!.url.searchParams.get('allowWatchBookmarks')).to.equal('true');
    expect(Number(follow!.url.searchParams.get('timeoutSeconds'))).to.be.within(150, 300);
  });

  for (const how of ['end', 'reset'] as const) {
    it(`resumes after a watch's ${how} from the last bookmark, without a new list or a warning`, async () => {
      watch();
      await eventually('watching', () => api.watching === 1);
      api.bookmark();
      await eventually('bookmark seen', () => {
        if (api.watching === 1) api.cut(how);
        return api.requests.at(-1)!.url.searchParams.get('resourceVersion') === '101';
      });
      await eventually('watching again', () => api.watching === 1);
      api.put(pod('late'));
      await eventually('late', () => names().includes('late'));
      expect(api.lists).to.equal(1);
      expect(warnings()).to.deep.equal([]);
    });
  }

  it('lists again after 410 and drops deleted objects', async () => {
    api.put(pod('a'));
    watch();
    await eventually('watching', () => api.watching === 1);
    api.cut('end');
    api.delete('shop', 'a');
    api.put(pod('b'));
    api.compact();
    await eventually('b alone', () => names().join() === 'b');
    expect(api.lists).to.equal(2);
    const relist = api.requests.filter(({ url }) => !url.searchParams.has('watch')).at(-1)!;
    expect(relist.url.searchParams.has('resourceVersion')).to.equal(false);
    expect(warnings()).to.deep.equal([]);
  });

  it('lists again, with a back-off, while the server rejects its version', async () => {
    watch();
    await eventually('watching', () => api.watching === 1);
    api.refuseWatchesWith = 400;
    api.cut('end');
    await eventually('a new list', () => api.lists === 2);
    await new Promise((resolve) => setTimeout(resolve, 1000));
    expect(api.lists, 'no more than the back-off allows').to.be.lessThan(25);
    api.refuseWatchesWith = undefined;
    api.put(pod('a'));
    await eventually('a', () => names().join() === 'a');
    expect(warnings()).to.deep.equal([]);
  });

  it('keeps its version through a temporary lack of permission', async () => {
    watch();
    await eventually('watching', () => api.watching === 1);
    api.refuseWatchesWith = 401;
    api.cut('end');
    await eventually('a warning', () => warnings().length === 1);
    api.refuseWatchesWith = undefined;
    api.put(pod('a'));
    await eventually('a', () => names().join() === 'a');
    expect(api.lists).to.equal(1);
  });

  it('waits for an API that is down at start and logs it once', async () => {
    await api.stop();
    watch();
    await eventually('three more attempts', () => watched.restarts > 2);
    expect(warnings()).to.deep.equal(['cannot watch, keeping the last known objects and retrying']);
    api.put(pod('a'));
    await api.start();
    await watched.synced;
    expect(names()).to.deep.equal(['a']);
    expect(logged.filter(({ msg }) => msg === 'the Kubernetes API is back')).to.have.length(1);
  });

  it('keeps its objects through an outage', async () => {
    api.put(pod('a'));
    watch();
    await eventually('watching', () => api.watching === 1);
    await api.stop();
    await eventually('a warning', () => warnings().length === 1);
    expect(names()).to.deep.equal(['a']);
    api.put(pod('b'));
    await api.start();
    await eventually('b', () => names().join() === 'a,b');
    expect(api.lists).to.equal(1);
  });

  it('keeps its objects while the server returns errors', async () => {
    api.put(pod('a'));
    watch();
    await eventually('watching', () => api.watching === 1);
    api.failWith = 500;
    api.cut('reset');
    await eventually('a warning', () => warnings().length === 1);
    expect(logged.find(({ level }) => level >= 40)).to.have.property(
      'error',
      'the Kubernetes API responded with 500 Internal Server Error: injected failure',
    );
    expect(names()).to.deep.equal(['a']);
    api.failWith = undefined;
    await eventually('watching again', () => api.watching === 1);
  });

  it('loses no other object to one that it cannot read, and names it', async () => {
    api.put(pod('a'));
    api.put(pod('b', { spec: { x: 'many' } }));
    api.put({ metadata: { namespace: 'shop' } });
    watch();
    await watched.synced;
    expect(watched.list()).to.deep.equal([
      { name: 'a', x: undefined },
      { name: 'b', x: undefined },
    ]);
    expect(watched.problems()).to.deep.equal([
      'pods shop/b cannot be read in full: spec.x is not a whole number from 0 on',
      'pods shop/ cannot be read in full: it has no metadata.name',
    ]);
    expect(warnings()).to.have.length(2);
    await eventually('watching', () => api.watching === 1);
    api.put(pod('b', { spec: null }));
    api.delete('shop', '');
    await eventually('no problem', () => watched.problems().length === 0);
  });

  it('names no more than five objects, and counts the others', async () => {
    for (let index = 0; index < 7; index++) api.put(pod(`p${index}`, { spec: 7 }));
    watch();
    await watched.synced;
    expect(watched.problems()).to.have.length(6);
    expect(watched.problems()[5]).to.equal('2 more objects of /api/v1/pods cannot be read in full');
    expect(warnings()).to.have.length(5);
  });

  for (const line of [
    '{"type":"MODIFIED","object":null}',
    'null',
    '[]',
    '{"type":"MODIFIED","object":{"metadata":null}}',
  ]) {
    it(`goes on after the watch event ${line}`, async () => {
      api.put(pod('a'));
      watch();
      await eventually('watching', () => api.watching === 1);
      api.raw(line);
      api.put(pod('b'));
      await eventually('b', () => names().join() === 'a,b');
    });
  }

  it('reports an API that it cannot watch as a problem until it is back', async () => {
    api.failWith = 500;
    watch();
    await eventually('a problem', () => watched.problems().length === 1);
    expect(watched.problems()[0]).to.match(/^Cannot watch \/api\/v1\/pods, .*injected failure$/);
    api.failWith = undefined;
    await eventually('no problem', () => watched.problems().length === 0);
  });

  for (const body of ['null', '{}', '{"items":7}', '[]', '<html>']) {
    it(`takes the body ${body} for no list of an empty cluster`, async () => {
      api.put(pod('a'));
      watch();
      await eventually('watching', () => api.watching === 1);
      api.listBody = body;
      api.compact();
      api.cut('end');
      await eventually('a problem', () => watched.problems().length === 1);
      expect(names()).to.deep.equal(['a']);
    });
  }

  for (const status of [403, 404]) {
    it(`says that its list is refused with ${status}, until it succeeds`, async () => {
      api.failWith = status;
      watch();
      await watched.refused;
      expect([watched.isRefused, watched.hasSynced]).to.deep.equal([true, false]);
      api.failWith = 500;
      await eventually('another failure', () => /500|injected/.test(watched.problems().join()));
      expect(watched.isRefused, 'an outage is no answer').to.equal(true);
      api.failWith = undefined;
      await watched.synced;
      expect(watched.isRefused).to.equal(false);
    });
  }

  it('survives a malformed watch line', async () => {
    watch();
    await eventually('watching', () => api.watching === 1);
    api.raw('{"type":"ADDED","obj');
    await eventually('a new watch', () => watched.restarts === 1 && api.watching === 1);
    api.put(pod('a'));
    await eventually('a', () => names().join() === 'a');
  });

  it('stops at once, even while the server does not respond', async () => {
    api.silent = true;
    watch();
    await eventually('a request', () => api.requests.length === 1);
    watched.stop();
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(api.requests).to.have.length(1);
    expect(logged).to.deep.equal([]);
  });

  it('reads the token from the kubeconfig’s token file', async () => {
    writeFileSync(path.join(directory, 'token'), 'from-file\n');
    watch({ tokenFile: 'token' });
    await watched.synced;
    expect(api.requests[0]!.authorization).to.equal('Bearer from-file');
  });
});
