import { expect } from 'chai';
import fc from 'fast-check';
import { parseCgroupPath, parsePodPath } from '../../../../exporter/cgroups/path.js';

const ID = '5f2b6a0c9d8e7f6a5b4c3d2e1f00112233445566778899aabbccddeeff001122';
const OTHER = '00000000000000000000000000000000000000000000000000000000000000ff';
const UID = '0b4e9e2a-6f2d-4c1b-9d59-6f2f2c0d7e11';
const UID_ = UID.replaceAll('-', '_');
const HASH = '4f1c7b0e1d0a4f3f9f3c2b1a0d9e8f7a';

const systemd = (qos: string, uid: string) =>
  `/kubepods.slice/kubepods${qos && `-${qos}`}.slice/kubepods${qos && `-${qos}`}-pod${uid}.slice`;

const CONTAINERS: [layout: string, path: string, podUid: string][] = [
  [
    'kubeadm, systemd, containerd, Burstable',
    `${systemd('burstable', UID_)}/cri-containerd-${ID}.scope`,
    UID,
  ],
  [
    'EKS, GKE, AKS: systemd, containerd, BestEffort',
    `${systemd('besteffort', UID_)}/cri-containerd-${ID}.scope`,
    UID,
  ],
  [
    'systemd, containerd, Guaranteed: no level for the QoS class',
    `/kubepods.slice/kubepods-pod${UID_}.slice/cri-containerd-${ID}.scope`,
    UID,
  ],
  [
    'static pod, by the hash of its manifest',
    `${systemd('burstable', HASH)}/cri-containerd-${ID}.scope`,
    HASH,
  ],
  ['OpenShift: systemd, CRI-O', `${systemd('burstable', UID_)}/crio-${ID}.scope`, UID],
  [
    'CRI-O with crun puts the processes one level deeper',
    `${systemd('', UID_).replace('/kubepods.slice/kubepods.slice', '/kubepods.slice')}/crio-${ID}.scope/container`,
    UID,
  ],
  ['cri-dockerd, systemd', `${systemd('besteffort', UID_)}/docker-${ID}.scope`, UID],
  ['cri-dockerd, cgroupfs', `/kubepods/besteffort/pod${UID}/${ID}`, UID],
  ['K3s before systemd: containerd, cgroupfs', `/kubepods/burstable/pod${UID}/${ID}`, UID],
  ['cgroupfs, Guaranteed', `/kubepods/pod${UID}/${ID}`, UID],
  ['CRI-O, cgroupfs', `/kubepods/burstable/pod${UID}/crio-${ID}`, UID],
  [
    'containerd with cgroupfs under a kubelet with systemd',
    `/system.slice/containerd.service/kubepods-burstable-pod${UID_}.slice:cri-containerd:${ID}`,
    UID,
  ],
  [
    'kind, systemd',
    `/system.slice/docker-${OTHER}.scope/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-burstable.slice/kubelet-kubepods-burstable-pod${UID_}.slice/cri-containerd-${ID}.scope`,
    UID,
  ],
  ['kind, cgroupfs', `/docker/${OTHER}/kubelet/kubepods/besteffort/pod${UID}/${ID}`, UID],
  [
    'kind in a pod: the innermost pod counts',
    `/kubepods/burstable/pod11111111-2222-3333-4444-555555555555/${OTHER}/kubelet/kubepods/pod${UID}/${ID}`,
    UID,
  ],
  [
    'a kubelet with --cgroup-root',
    `/custom.slice/custom-kubepods.slice/custom-kubepods-burstable.slice/custom-kubepods-burstable-pod${UID_}.slice/cri-containerd-${ID}.scope`,
    UID,
  ],
  [
    'systemd inside a container',
    `${systemd('burstable', UID_)}/cri-containerd-${ID}.scope/system.slice/nginx.service`,
    UID,
  ],
  ['docker inside a container', `/kubepods/burstable/pod${UID}/${ID}/docker/${OTHER}`, UID],
  ['relative to the mount, without a leading slash', `kubepods/pod${UID}/${ID}`, UID],
];

const OTHERS: [what: string, path: string][] = [
  ['the root', '/'],
  ['nothing', ''],
  ['the kubelet’s root', '/kubepods.slice'],
  ['a QoS class', '/kubepods.slice/kubepods-burstable.slice'],
  ['a pod', systemd('burstable', UID_)],
  ['a pod, cgroupfs', `/kubepods/burstable/pod${UID}`],
  ['CRI-O’s monitor', `${systemd('burstable', UID_)}/crio-conmon-${ID}.scope`],
  ['a system service', '/system.slice/sshd.service'],
  ['a docker container without a pod', `/system.slice/docker-${ID}.scope`],
  ['a container id outside of a pod', `/docker/${ID}`],
  ['a short container id', `/kubepods/pod${UID}/${ID.slice(1)}`],
  ['a pod outside of kubepods', `/elsewhere/pod${UID}/${ID}`],
  ['an unknown QoS class', `/kubepods/platinum/pod${UID}/${ID}`],
];

describe('parseCgroupPath', () => {
  for (const [layout, path, podUid] of CONTAINERS) {
    it(`reads ${layout}`, () => {
      expect(parseCgroupPath(path)).to.deep.equal({ podUid, containerId: ID });
    });
  }

  for (const [what, path] of OTHERS) {
    it(`sees no container in ${what}`, () => {
      expect(parseCgroupPath(path)).to.equal(undefined);
    });
  }

  for (const [layout, path, podUid] of CONTAINERS.filter(([, path]) => !path.includes(':'))) {
    it(`reads the pod of ${layout}`, () => {
      const levels = path.split('/');
      const above = levels.map((_, at) => parsePodPath(levels.slice(0, at + 1).join('/')));
      expect(above.filter((pod) => pod !== undefined).at(-1)).to.deep.equal({
        podUid,
        containerId: '',
        isPod: true,
      });
      expect(parsePodPath(path)).to.equal(undefined);
    });
  }

  it('never throws, and returns only parts of the path', () => {
    const fragment = fc.constantFrom(
      'kubepods', 'kubepods.slice', 'kubepods-burstable.slice', 'burstable', `pod${UID}`,
      `kubepods-burstable-pod${UID_}.slice`, `cri-containerd-${ID}.scope`, `crio-conmon-${ID}.scope`,
      ID, ID.slice(2), '', '..', '\0', 'pod', '-pod.slice', ':cri-containerd:',
    ); // prettier-ignore
    const path = fc.array(fc.oneof(fragment, fc.string())).map((names) => names.join('/'));
    fc.assert(
      fc.property(path, (text) => {
        const identity = parseCgroupPath(text);
        if (!identity) return;
        expect(text.replaceAll('_', '-')).to.include(identity.podUid);
        expect(text).to.include(identity.containerId);
      }),
      { numRuns: 2000 },
    );
  });

  it('gives every cgroup inside a container that container’s identity', () => {
    const containers = fc.constantFrom(...CONTAINERS.map(([, path]) => path));
    const inner = fc.array(fc.stringMatching(/^[a-z.@-]{1,20}$/), { maxLength: 4 });
    fc.assert(
      fc.property(containers, inner, (path, names) => {
        expect(parseCgroupPath([path, ...names].join('/'))).to.deep.equal(parseCgroupPath(path));
      }),
    );
  });
});
