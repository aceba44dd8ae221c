import { expect } from 'chai';
import fc from 'fast-check';
import { parseHostPath, unitIdentity } from '../../../../exporter/host/path.js';

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

  it('skips slices and the monitors of containers', () => {
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
