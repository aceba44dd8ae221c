import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect } from 'chai';
import fc from 'fast-check';
import { pino } from 'pino';
import type { CgroupKey } from '../../../../exporter/cgroups/path.js';
import { parseHostPath, unitIdentity } from '../../../../exporter/host/path.js';
import { HostSource } from '../../../../exporter/host/source.js';
import { detectSource, type ContainerIdentity } from '../../../../exporter/identity/source.js';
import { eventually } from '../../loopback-api.js';

const ID = '5f2b6a0c9d8e7f6a5b4c3d2e1f00112233445566778899aabbccddeeff001122';

describe('cgroups of a host without a kubelet', () => {
  const table: [layout: string, path: string, key: string, id: string, engine: string | undefined][] = [
    ['a service', '/system.slice/nginx.service', '/system.slice/nginx.service', '', undefined],
    [
      'a child of a service',
      '/system.slice/postgresql.service/worker',
      '/system.slice/postgresql.service',
      '',
      undefined,
    ],
    [
      'an instance of a template',
      '/system.slice/system-getty.slice/getty@tty1.service',
      '/system.slice/system-getty.slice/getty@tty1.service',
      '',
      undefined,
    ],
    [
      "a unit of a user's service manager",
      '/user.slice/user-1000.slice/user@1000.service/app.slice/editor.service',
      '/user.slice/user-1000.slice/user@1000.service/app.slice/editor.service',
      '',
      undefined,
    ],
    [
      'a log-in session',
      '/user.slice/user-1000.slice/session-3.scope',
      '/user.slice/user-1000.slice/session-3.scope',
      '',
      undefined,
    ],
    ['the init process', '/init.scope', '/init.scope', '', undefined],
    [
      'docker, systemd driver',
      `/system.slice/docker-${ID}.scope`,
      `/system.slice/docker-${ID}.scope`,
      ID,
      'docker',
    ],
    ['docker, cgroupfs driver', `/docker/${ID}`, `/docker/${ID}`, ID, 'docker'],
    [
      'systemd in a docker container',
      `/docker/${ID}/system.slice/nginx.service`,
      `/docker/${ID}`,
      ID,
      'docker',
    ],
    [
      'podman as root',
      `/machine.slice/libpod-${ID}.scope/container`,
      `/machine.slice/libpod-${ID}.scope`,
      ID,
      'podman',
    ],
    [
      'rootless podman',
      `/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-${ID}.scope`,
      `/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-${ID}.scope`,
      ID,
      'podman',
    ],
    ['podman, cgroupfs driver', `/libpod_parent/libpod-${ID}`, `/libpod_parent/libpod-${ID}`, ID, 'podman'],
    ['nerdctl', `/system.slice/nerdctl-${ID}.scope`, `/system.slice/nerdctl-${ID}.scope`, ID, 'other'],
  ];
  for (const [layout, where, podUid, containerId, engine] of table) {
    it(`reads ${layout}`, () => {
      expect(parseHostPath(where)).to.deep.equal({ podUid, containerId, engine });
    });
  }

  it('passes over what only groups others, and what watches a container', () => {
    for (const where of [
      '',
      '/',
      '/system.slice',
      '/user.slice/user-1000.slice/user@1000.service',
      '/user.slice/user-1000.slice/user@1000.service/app.slice',
      '/docker',
      `/machine.slice/libpod-conmon-${ID}.scope`,
    ]) {
      expect(parseHostPath(where), where).to.equal(undefined);
    }
  });

  it('finds its own keys again, whatever the path', () => {
    const name = fc.oneof(
      fc.string(),
      fc.constantFrom('system.slice', 'a.service', 'docker', ID, `docker-${ID}.scope`, 'user@0.service'),
    );
    fc.assert(
      fc.property(fc.array(name), (names) => {
        const found = parseHostPath(`/${names.join('/')}`);
        if (found) expect(parseHostPath(found.podUid)).to.deep.equal(found);
      }),
    );
  });

  it('names units by slice or user, and a template for all its instances', () => {
    const names = (where: string) => {
      const { namespace, pod, workload, workloadKind } = unitIdentity(where);
      return [namespace, pod, workload, workloadKind];
    };
    expect(names('/system.slice/nginx.service')).to.deep.equal([
      'system',
      'nginx.service',
      'nginx',
      'SystemdUnit',
    ]);
    expect(names('/system.slice/system-getty.slice/getty@tty1.service')).to.deep.equal([
      'system',
      'getty@tty1.service',
      'getty',
      'SystemdUnit',
    ]);
    expect(
      names('/user.slice/user-1000.slice/user@1000.service/app.slice/app-my\\x2deditor.service'),
    ).to.deep.equal(['user-1000', 'app-my-editor.service', 'app-my-editor', 'SystemdUnit']);
    expect(names('/init.scope')).to.deep.equal(['system', 'init.scope', 'init', 'SystemdUnit']);
  });
});

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

  /** Answers as dockerd and `podman system service` do. */
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
    expect(identified(found), 'before the engine has answered').to.deep.equal([]);
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

  it('are the short id while the engine does not answer', async () => {
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

describe('the choice of a source', () => {
  let root: string;
  beforeEach(() => {
    root = mkdtempSync(path.join(tmpdir(), 'kernscale-'));
  });
  afterEach(() => {
    rmSync(root, { recursive: true });
  });

  it('is what was asked for', () => {
    expect(detectSource('host', true, root).choice).to.equal('host');
    expect(detectSource('kubernetes', false, root).choice).to.equal('kubernetes');
  });

  it('is Kubernetes where a cluster is configured, or a kubelet has been', () => {
    mkdirSync(path.join(root, 'system.slice'));
    expect(detectSource('detect', true, root).choice).to.equal('kubernetes');
    expect(detectSource('detect', false, root).choice).to.equal('host');
    mkdirSync(path.join(root, 'docker', 'kubelet.slice', 'kubelet-kubepods.slice'), { recursive: true });
    expect(detectSource('detect', false, root).choice).to.equal('kubernetes');
  });
});
