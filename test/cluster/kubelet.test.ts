import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { V1Pod } from '@kubernetes/client-node';
import { expect } from 'chai';
import { eventually } from '../eventually.js';
import { deployment, isAlive, Shop, useCluster, type DeploymentShape } from './harness.js';
import { processesIn, cgroupMounts } from '../../sandbox/cluster/kubelet/cgroup.js';

describe('stand-in cluster: pods', () => {
  const cluster = useCluster();
  let shop: Shop;
  before(() => {
    shop = new Shop(cluster());
  });

  /** The container's cgroup below the root of the stand-in, by the pod's own status. */
  const scopeOf = (pod: V1Pod): string => {
    const uid = pod.metadata!.uid!.replaceAll('-', '_');
    const qos = pod.status!.qosClass!.toLowerCase();
    const id = pod.status!.containerStatuses![0]!.containerID!.replace('containerd://', '');
    const all = 'kubelet.slice/kubelet-kubepods.slice';
    const slice =
      qos === 'guaranteed'
        ? `${all}/kubelet-kubepods`
        : `${all}/kubelet-kubepods-${qos}.slice/kubelet-kubepods-${qos}`;
    return `${slice}-pod${uid}.slice/cri-containerd-${id}.scope`;
  };
  const pidsOf = (pod: V1Pod): number[] => processesIn(path.join(cluster().cgroupRoot, scopeOf(pod)));

  describe('processes', () => {
    const cpu = { requests: { cpu: '50m' }, limits: { cpu: '100m' } };
    const shapes: [string, object][] = [
      ['BestEffort', {}],
      ['Burstable', { requests: { cpu: '50m' } }],
      ['Guaranteed', { limits: { cpu: '100m', memory: '32Mi' } }],
    ];
    for (const [qos, resources] of shapes) {
      it(`of ${qos} pods run in the same cgroups as under the kubelet`, async () => {
        const name = qos.toLowerCase();
        const pod = await shop.start(name, { container: { resources } });
        expect(pod.status?.qosClass).to.equal(qos);
        const [pid, ...others] = pidsOf(pod);
        expect(others).to.deep.equal([]);
        expect(readFileSync(`/proc/${pid!}/cmdline`, 'utf8')).to.equal('/usr/bin/sleep\0infinity\0');
        const memberships = readFileSync(`/proc/${pid!}/cgroup`, 'utf8').split('\n');
        const expected = `/${path.basename(cluster().cgroupRoot)}/${scopeOf(pod)}`;
        expect(memberships.find((line) => line.startsWith('0::'))).to.equal(`0::${expected}`);
        if (cgroupMounts().cpu !== undefined) {
          expect(memberships.find((line) => /^\d+:([^:]*,)?cpu(,[^:]*)?:/.test(line))).to.match(
            new RegExp(`:${expected}$`),
          );
        }
        await shop.end(name);
      });
    }

    it('have a sandbox container, as with containerd', async () => {
      const pod = await shop.start('sandboxed');
      const slice = path.dirname(path.join(cluster().cgroupRoot, scopeOf(pod)));
      const scopes = readdirSync(slice).filter((name) => /^cri-containerd-[0-9a-f]{64}\.scope$/.test(name));
      expect(scopes).to.have.length(2);
      await shop.end('sandboxed');
    });

    it('are limited to their CPU limit', async function () {
      if (cluster().cpuEnforcement === 'none') return this.skip();
      const pod = await shop.start('burner', {
        command: ['sh', '-c', 'while :; do :; done'],
        container: { resources: cpu },
      });
      const [pid] = pidsOf(pod);
      const cpuSeconds = (): number => {
        const stat = readFileSync(`/proc/${pid!}/stat`, 'utf8').split(') ')[1]!.split(' ');
        return (Number(stat[11]) + Number(stat[12])) / 100;
      };
      await sleep(300);
      const [before, begun] = [cpuSeconds(), Date.now()];
      await sleep(2000);
      const cores = (cpuSeconds() - before) / ((Date.now() - begun) / 1000);
      expect(cores).to.be.within(0.07, 0.13);
      await shop.end('burner');
    });

    it('end with their pod, and so does the cgroup', async () => {
      const pod = await shop.start('mortal', {
        command: ['sh', '-c', 'sleep infinity & sleep infinity & wait'],
      });
      const pids = pidsOf(pod);
      expect(pids).to.have.length(3);
      await shop.end('mortal');
      await eventually('the pod is gone', async () => (await shop.podsOf('mortal')).length === 0);
      expect(pids.filter(isAlive)).to.deep.equal([]);
      expect(() => readdirSync(path.dirname(path.join(cluster().cgroupRoot, scopeOf(pod))))).to.throw(
        'ENOENT',
      );
    });

    it('get SIGTERM, and SIGKILL at the end of the grace period', async () => {
      await shop.start('stubborn', {
        command: ['sh', '-c', 'trap "echo ignored" TERM; while :; do sleep 0.1; done'],
      });
      const begun = Date.now();
      await shop.end('stubborn');
      await eventually('the pod is terminating', async () =>
        (await shop.podsOf('stubborn')).some(({ metadata }) => metadata?.deletionTimestamp),
      );
      await eventually('the pod is gone', async () => (await shop.podsOf('stubborn')).length === 0);
      expect(Date.now() - begun).to.be.within(950, 3000);
    });
  });

  describe('containers', () => {
    it('restart at once, then with back-off', async () => {
      await cluster().apply(deployment('crasher', { command: ['sh', '-c', 'exit 3'] }));
      const status = await eventually('the container backs off', async () => {
        const found = (await shop.podsOf('crasher'))[0]?.status?.containerStatuses?.[0];
        return found?.state?.waiting?.reason === 'CrashLoopBackOff' && found;
      });
      expect(status.restartCount).to.equal(1);
      expect(status.lastState?.terminated).to.include({ exitCode: 3, reason: 'Error' });
      await shop.end('crasher');
    });

    it('are waiting with a reason if they cannot start', async () => {
      const cases: [string, DeploymentShape, RegExp][] = [
        ['no-image', { container: { image: 'absent' } }, /^(ErrImagePull|ImagePullBackOff)$/],
        ['no-program', { command: ['/not/there'] }, /^RunContainerError$/],
        ['no-command', { command: [] }, /^CreateContainerError$/],
        [
          'no-source',
          { container: { env: [{ name: 'A', valueFrom: { secretKeyRef: {} } }] } },
          /^CreateContainerConfigError$/,
        ],
      ];
      await Promise.all(
        cases.map(async ([name, shape, expected]) => {
          await cluster().apply(deployment(name, shape));
          const reason = await eventually('the container waits', async () =>
            (await shop.podsOf(name))[0]?.status?.containerStatuses?.[0]?.state?.waiting?.reason?.replace(
              'ContainerCreating',
              '',
            ),
          );
          expect(reason).to.match(expected);
          await shop.end(name);
        }),
      );
    });

    it('run after their init containers, in order', async () => {
      const file = path.join(cluster().stateDir, 'order');
      const step = (name: string): object => ({
        name,
        image: 'host',
        command: ['sh', '-c', `echo ${name} >> ${file}`],
      });
      const main = ['sh', '-c', `echo main >> ${file}; sleep infinity`];
      await shop.start('ordered', {
        command: main,
        pod: { initContainers: [step('first'), step('second')] },
      });
      await eventually(
        'all containers have run',
        () => readFileSync(file, 'utf8') === 'first\nsecond\nmain\n',
      );
      await shop.end('ordered');
    });

    it('are restarted when their liveness probe fails', async () => {
      const livenessProbe = { exec: { command: ['false'] }, periodSeconds: 1, failureThreshold: 1 };
      await cluster().apply(deployment('unwell', { container: { livenessProbe } }));
      await eventually(
        'the container has restarted',
        async () => ((await shop.podsOf('unwell'))[0]?.status?.containerStatuses?.[0]?.restartCount ?? 0) > 0,
      );
      await shop.end('unwell');
    });
  });
});
