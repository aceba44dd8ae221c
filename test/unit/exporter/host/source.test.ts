import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect } from 'chai';
import { pino } from 'pino';
import { eventually } from '../../../eventually.js';
import type { CgroupKey } from '../../../../exporter/cgroups/path.js';
import { parseHostPath } from '../../../../exporter/host/path.js';
import { HostSource } from '../../../../exporter/host/source.js';
import type { ContainerIdentity } from '../../../../exporter/identity/source.js';

const ID = '5f2b6a0c9d8e7f6a5b4c3d2e1f00112233445566778899aabbccddeeff001122';

describe('the names of a host without a kubelet', () => {
  let directory: string;
  let engine: Server | undefined;
  let source: HostSource;

  beforeEach(() => {
    directory = mkdtempSync(path.join(tmpdir(), 'kernscale-'));
    const sockets = { docker: path.join(directory, 'docker'), podman: path.join(directory, 'podman') };
    source = new HostSource(sockets, pino({ level: 'silent' }));
  });
  afterEach(() => {
    source.stop();
    engine?.close();
    engine = undefined;
    rmSync(directory, { recursive: true });
  });

  /** Responds as dockerd and `podman system service` do. */
  const listen = (containers: Record<string, unknown>) =>
    new Promise<void>((listening) => {
      engine = createServer(({ url }, response) => {
        const container = containers[/^\/containers\/([0-9a-f]+)\/json$/.exec(url ?? '')?.[1] ?? ''];
        response.statusCode = container ? 200 : 404;
        response.end(JSON.stringify(container ?? { message: 'no such container' }));
      }).listen(path.join(directory, 'docker'), listening);
    });
  const cgroups = (...paths: string[]): Map<bigint, CgroupKey> =>
    new Map(paths.map((where, at) => [BigInt(at), parseHostPath(where)!]));
  const identified = (found: Map<bigint, CgroupKey>): ContainerIdentity[] =>
    [...source.identities(found).values()].flatMap(({ containers }) => [...containers.values()]);

  it('come from Compose, where it made the container', async () => {
    await listen({
      [ID]: {
        Name: '/shop-front-2',
        Config: {
          Image: 'front:1',
          Labels: { 'com.docker.compose.project': 'shop', 'com.docker.compose.service': 'front' },
        },
        HostConfig: { NanoCpus: 1_500_000_000, CpuQuota: 0, CpuPeriod: 0 },
      },
    });
    const found = cgroups(`/docker/${ID}`);
    expect(identified(found), 'before the engine has responded').to.deep.equal([]);
    await eventually('it has a name', () => identified(found).length > 0);
    const [container] = identified(found);
    expect(container).to.deep.equal({
      namespace: 'shop',
      pod: 'shop-front-2',
      container: 'front',
      workload: 'front',
      workloadKind: 'Container',
      image: 'front:1',
      containerId: `docker://${ID}`,
      cpuRequest: undefined,
      cpuLimit: 1.5,
    });
  });

  it('are the short id while the engine does not respond', async () => {
    const found = cgroups(`/machine.slice/libpod-${ID}.scope`);
    identified(found);
    await eventually('it has a name', () => identified(found).length > 0);
    const [container] = identified(found);
    expect([container!.namespace, container!.workload]).to.deep.equal(['podman', ID.slice(0, 12)]);
  });

  it('stay the same map until something changes', () => {
    const two = cgroups('/system.slice/a.service', '/system.slice/b.service');
    const before = source.identities(two);
    expect(source.identities(two)).to.equal(before);
    const after = source.identities(cgroups('/system.slice/a.service'));
    expect([...after.keys()]).to.deep.equal(['/system.slice/a.service']);
  });
});
