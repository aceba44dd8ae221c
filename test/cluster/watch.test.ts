import {
  CoreV1Api,
  makeInformer,
  Watch,
  type KubernetesListObject,
  type V1ConfigMap,
} from '@kubernetes/client-node';
import { expect } from 'chai';
import { eventually } from '../eventually.js';
import { kubeConfig, raw, useCluster } from './harness.js';

const namespace = 'shop';
const path = `/api/v1/namespaces/${namespace}/configmaps`;

interface Seen {
  type: string;
  object: V1ConfigMap & { code?: number; reason?: string };
}

/** All events of a watch, and its end. */
interface Watching {
  events: Seen[];
  names: () => string[];
  ended: () => boolean;
  error: () => unknown;
  stop: () => void;
}

describe('stand-in cluster: watches through @kubernetes/client-node', () => {
  const cluster = useCluster({ historyLimit: 50 });
  let core: CoreV1Api;
  const open: Watching[] = [];
  before(() => {
    core = kubeConfig(cluster()).makeApiClient(CoreV1Api);
  });
  afterEach(() => {
    cluster().faults.clear();
    for (const watching of open.splice(0)) watching.stop();
  });

  const put = (name: string, labels: Record<string, string> = {}): Promise<V1ConfigMap> =>
    core.createNamespacedConfigMap({ namespace, body: { metadata: { name, labels } } });
  const remove = (name: string): Promise<unknown> => core.deleteNamespacedConfigMap({ namespace, name });
  const currentVersion = async (): Promise<string> =>
    (await core.listNamespacedConfigMap({ namespace })).metadata!.resourceVersion!;

  async function watch(query: Record<string, string | number | boolean>): Promise<Watching> {
    const events: Seen[] = [];
    let ended = false;
    let error: unknown;
    const controller = await new Watch(kubeConfig(cluster())).watch(
      path,
      query,
      (type, object) => events.push({ type, object: object as Seen['object'] }),
      (reason: unknown) => {
        ended = true;
        error = reason;
      },
    );
    const watching: Watching = {
      events,
      names: () => events.map(({ type, object }) => `${type} ${object.metadata?.name ?? ''}`),
      ended: () => ended,
      error: () => error,
      stop: () => {
        controller.abort();
      },
    };
    open.push(watching);
    return watching;
  }

  it('sends the changes since a resourceVersion, then new ones', async () => {
    const resourceVersion = await currentVersion();
    await put('since');
    const watching = await watch({ resourceVersion });
    await eventually('the first event', () => watching.names().length === 1);
    await remove('since');
    await eventually('the second event', () => watching.names().length === 2);
    expect(watching.names()).to.deep.equal(['ADDED since', 'DELETED since']);
  });

  it('begins with the existing objects when no resourceVersion is given', async () => {
    await put('existing');
    const watching = await watch({});
    await eventually('the existing object', () => watching.names().includes('ADDED existing'));
  });

  it('reports an object that starts or stops matching as added or deleted', async () => {
    const resourceVersion = await currentVersion();
    const watching = await watch({ resourceVersion, labelSelector: 'shown=yes' });
    const { metadata } = await put('chameleon', { shown: 'no' });
    const relabel = (shown: string): Promise<unknown> =>
      core.replaceNamespacedConfigMap({
        namespace,
        name: 'chameleon',
        body: { metadata: { name: metadata!.name!, labels: { shown } } },
      });
    await relabel('yes');
    await relabel('no');
    await eventually('two events', () => watching.names().length === 2);
    expect(watching.names()).to.deep.equal(['ADDED chameleon', 'DELETED chameleon']);
    const [added, deleted] = watching.events.map(({ object }) => object.metadata!);
    expect(deleted!.labels, 'as it matched last').to.deep.equal({ shown: 'yes' });
    expect(Number(deleted!.resourceVersion)).to.be.above(Number(added!.resourceVersion));
  });

  it('filters by field', async () => {
    const watching = await watch({
      resourceVersion: await currentVersion(),
      fieldSelector: 'metadata.name=wanted',
    });
    await put('unwanted');
    await put('wanted');
    await eventually('an event', () => watching.names().length > 0);
    expect(watching.names()).to.deep.equal(['ADDED wanted']);
  });

  it('ends after timeoutSeconds without an error', async () => {
    const watching = await watch({ timeoutSeconds: 1 });
    await eventually('the watch ends', () => watching.ended());
    expect(watching.error()).to.equal(null);
  });

  it('sends bookmarks to clients that allow them', async () => {
    const resourceVersion = await currentVersion();
    const [with_, without] = [
      await watch({ resourceVersion, allowWatchBookmarks: true }),
      await watch({ resourceVersion }),
    ];
    await core.createNamespacedServiceAccount({ namespace, body: { metadata: { name: 'elsewhere' } } });
    cluster().faults.bookmark();
    await eventually('an event', () => with_.events.length > 0);
    const [{ type, object }] = with_.events as [Seen];
    expect(type).to.equal('BOOKMARK');
    expect(object.kind).to.equal('ConfigMap');
    expect(Number(object.metadata?.resourceVersion)).to.be.greaterThan(Number(resourceVersion));
    expect(without.events).to.deep.equal([]);
  });

  it('marks the end of the initial events for streaming lists', async () => {
    const watching = await watch({
      sendInitialEvents: true,
      allowWatchBookmarks: true,
      resourceVersionMatch: 'NotOlderThan',
    });
    const bookmark = await eventually('a bookmark', () =>
      watching.events.find(({ type }) => type === 'BOOKMARK'),
    );
    expect(bookmark.object.metadata?.annotations).to.deep.equal({ 'k8s.io/initial-events-end': 'true' });
  });

  it('sends a 410 event for a version before the history', async () => {
    const resourceVersion = await currentVersion();
    for (let n = 0; n < 60; n += 1) await remove((await put(`flood-${n}`)).metadata!.name!);
    const watching = await watch({ resourceVersion });
    await eventually('the watch ends', () => watching.ended());
    expect(watching.events[0]).to.deep.include({ type: 'ERROR' });
    expect(watching.events[0]?.object).to.include({ code: 410, reason: 'Expired' });
  });

  it('rejects the next watch with HTTP 410 on request', async () => {
    cluster().faults.expireNextWatch();
    const refused = await watch({ resourceVersion: await currentVersion() });
    await eventually('the watch is refused', () => refused.ended());
    expect(refused.error()).to.include({ statusCode: 410 });
    const accepted = await watch({});
    await eventually('an event', () => accepted.events.length > 0);
  });

  it('rejects as many requests as an injected fault specifies', async () => {
    cluster().faults.reject({ code: 429, times: 1, path: /configmaps/, retryAfterSeconds: 7 });
    const refused = await raw(cluster(), 'GET', path);
    expect(refused.code).to.equal(429);
    expect(refused.headers['retry-after']).to.equal('7');
    expect((await raw(cluster(), 'GET', path)).code).to.equal(200);
  });

  it('writes a rotated token to its files and rejects the old one', async () => {
    const before = kubeConfig(cluster());
    cluster().faults.rotateToken();
    const old = await before
      .makeApiClient(CoreV1Api)
      .listNamespace()
      .catch((error: unknown) => error);
    expect(old).to.include({ code: 401 });
    core = kubeConfig(cluster()).makeApiClient(CoreV1Api);
    expect((await core.listNamespace()).items).to.not.be.empty;
  });

  describe('an informer', () => {
    let informing = false;
    const informer = (): Promise<ReturnType<typeof makeInformer<V1ConfigMap>>> => {
      const list = (): Promise<KubernetesListObject<V1ConfigMap>> =>
        core.listNamespacedConfigMap({ namespace });
      const made = makeInformer(kubeConfig(cluster()), path, list);
      made.on('error', () => {
        setTimeout(() => {
          if (informing) void made.start();
        }, 50);
      });
      return made.start().then(() => made);
    };

    for (const [name, strike] of [
      [
        'connections that are cut',
        () => {
          cluster().faults.disconnect();
        },
      ],
      [
        'an expired history',
        () => {
          cluster().faults.expireWatches();
        },
      ],
      [
        'an API server that goes away for a while',
        async () => {
          await cluster().faults.down();
          await cluster().faults.up();
        },
      ],
    ] as [string, () => Promise<void> | void][]) {
      it(`survives ${name}`, async () => {
        informing = true;
        const made = await informer();
        const key = `after-${name.replaceAll(' ', '-').toLowerCase()}`;
        try {
          await strike();
          await eventually('the API server takes an object', () => put(key).catch(() => undefined));
          await eventually('the informer has the object', () => made.get(key, namespace));
        } finally {
          informing = false;
          await made.stop();
        }
      });
    }
  });
});
