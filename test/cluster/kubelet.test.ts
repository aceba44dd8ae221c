import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { AppsV1Api, CoreV1Api, DiscoveryV1Api, type V1Pod } from '@kubernetes/client-node';
import { expect } from 'chai';
import {
  deployment,
  eventually,
  isAlive,
  kubeConfig,
  service,
  useCluster,
  type DeploymentShape,
} from './harness.js';
import { processesIn } from './kubelet/cgroup.js';
import { cgroupMounts } from './kubelet/mounts.js';

const namespace = 'shop';
/** Answers every connection with the variables it was started with, then closes it. */
const SERVER = [
  'python3',
  '-c',
  `import os, socketserver
class H(socketserver.BaseRequestHandler):
    def handle(self):
        ok = not os.path.exists(os.environ.get('BROKEN', '/nowhere'))
        self.request.recv(4096)
        body = '\\n'.join(k + '=' + v for k, v in os.environ.items())
        self.request.sendall(('HTTP/1.0 ' + ('200' if ok else '503') + ' X\\r\\n\\r\\n' + body).encode())
class S(socketserver.TCPServer):
    allow_reuse_address = True
S((os.environ.get('POD_IP', '0.0.0.0'), 8080), H).serve_forever()`,
];
const POD_IP = { name: 'POD_IP', valueFrom: { fieldRef: { fieldPath: 'status.podIP' } } };

describe('stand-in cluster: pods', () => {
  const cluster = useCluster();
  let core: CoreV1Api;
  let apps: AppsV1Api;
  before(() => {
    core = kubeConfig(cluster()).makeApiClient(CoreV1Api);
    apps = kubeConfig(cluster()).makeApiClient(AppsV1Api);
  });

  const podsOf = async (app: string): Promise<V1Pod[]> =>
    (await core.listNamespacedPod({ namespace, labelSelector: `app=${app}` })).items;
  const isReady = (pod: V1Pod): boolean =>
    pod.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') ?? false;
  const readyPods = (app: string, count = 1): Promise<V1Pod[]> =>
    eventually(async () => {
      const pods = await podsOf(app);
      return pods.length === count && pods.every(isReady) && pods;
    });
  const start = async (name: string, shape: DeploymentShape = {}): Promise<V1Pod> => {
    await cluster().apply(deployment(name, shape));
    const [pod] = await readyPods(name, shape.replicas ?? 1);
    return pod!;
  };
  const end = (name: string): Promise<unknown> => apps.deleteNamespacedDeployment({ namespace, name });

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
      it(`of ${qos} pods run where the kubelet puts them`, async () => {
        const name = qos.toLowerCase();
        const pod = await start(name, { container: { resources } });
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
        await end(name);
      });
    }

    it('have a sandbox beside them, as with containerd', async () => {
      const pod = await start('sandboxed');
      const slice = path.dirname(path.join(cluster().cgroupRoot, scopeOf(pod)));
      const scopes = readdirSync(slice).filter((name) => /^cri-containerd-[0-9a-f]{64}\.scope$/.test(name));
      expect(scopes).to.have.length(2);
      await end('sandboxed');
    });

    it('are held to their CPU limit', async function () {
      if (cluster().cpuEnforcement === 'none') return this.skip();
      const pod = await start('burner', {
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
      await end('burner');
    });

    it('die with their pod, and the cgroup goes too', async () => {
      const pod = await start('mortal', { command: ['sh', '-c', 'sleep infinity & sleep infinity & wait'] });
      const pids = pidsOf(pod);
      expect(pids).to.have.length(3);
      await end('mortal');
      await eventually(async () => (await podsOf('mortal')).length === 0);
      expect(pids.filter(isAlive)).to.deep.equal([]);
      expect(() => readdirSync(path.dirname(path.join(cluster().cgroupRoot, scopeOf(pod))))).to.throw(
        'ENOENT',
      );
    });

    it('get SIGTERM, and SIGKILL when the grace period is over', async () => {
      await start('stubborn', {
        command: ['sh', '-c', 'trap "echo ignored" TERM; while :; do sleep 0.1; done'],
      });
      const begun = Date.now();
      await end('stubborn');
      await eventually(async () =>
        (await podsOf('stubborn')).some(({ metadata }) => metadata?.deletionTimestamp),
      );
      await eventually(async () => (await podsOf('stubborn')).length === 0);
      expect(Date.now() - begun).to.be.within(950, 3000);
    });
  });

  describe('containers', () => {
    it('are started again at once, then with back-off', async () => {
      await cluster().apply(deployment('crasher', { command: ['sh', '-c', 'exit 3'] }));
      const status = await eventually(async () => {
        const found = (await podsOf('crasher'))[0]?.status?.containerStatuses?.[0];
        return found?.state?.waiting?.reason === 'CrashLoopBackOff' && found;
      });
      expect(status.restartCount).to.equal(1);
      expect(status.lastState?.terminated).to.include({ exitCode: 3, reason: 'Error' });
      await end('crasher');
    });

    it('wait with the reason when they cannot start', async () => {
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
          const reason = await eventually(async () =>
            (await podsOf(name))[0]?.status?.containerStatuses?.[0]?.state?.waiting?.reason?.replace(
              'ContainerCreating',
              '',
            ),
          );
          expect(reason).to.match(expected);
          await end(name);
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
      await start('ordered', { command: main, pod: { initContainers: [step('first'), step('second')] } });
      await eventually(() => readFileSync(file, 'utf8') === 'first\nsecond\nmain\n');
      await end('ordered');
    });

    it('are restarted when their liveness probe fails', async () => {
      const livenessProbe = { exec: { command: ['false'] }, periodSeconds: 1, failureThreshold: 1 };
      await cluster().apply(deployment('unwell', { container: { livenessProbe } }));
      await eventually(
        async () => ((await podsOf('unwell'))[0]?.status?.containerStatuses?.[0]?.restartCount ?? 0) > 0,
      );
      await end('unwell');
    });
  });

  describe('behind a Service', () => {
    const broken = (): string => path.join(cluster().stateDir, 'broken');
    const serverShape = (): DeploymentShape => ({
      replicas: 2,
      command: SERVER,
      container: {
        env: [POD_IP, { name: 'BROKEN', value: broken() }, { name: 'SELF', value: 'http://$(POD_IP):8080' }],
        ports: [{ name: 'http', containerPort: 8080 }],
        readinessProbe: { httpGet: { path: '/', port: 'http' }, periodSeconds: 1, failureThreshold: 1 },
      },
    });
    let address: string;
    before(async () => {
      await cluster().apply(service('echo', 80, 'http'));
      address = (await core.readNamespacedService({ namespace, name: 'echo' })).spec!.clusterIP!;
    });

    const ask = (): Promise<Record<string, string>> =>
      new Promise((resolve, reject) => {
        const socket = connect(80, address, () => socket.write('GET / HTTP/1.0\r\n\r\n'));
        let text = '';
        socket.on('data', (chunk) => (text += chunk.toString()));
        socket.on('error', reject);
        socket.on('end', () => {
          const lines = text.split('\r\n\r\n')[1]!.split('\n');
          resolve(
            Object.fromEntries(lines.map((line) => line.split(/=(.*)/s).slice(0, 2))) as Record<
              string,
              string
            >,
          );
        });
      });

    it('refuse connections while nobody is ready', async () => {
      const refused = await ask().catch((error: unknown) => error);
      expect(refused).to.have.property('code', 'ECONNREFUSED');
    });

    it('take connections at random, each with its own address and environment', async () => {
      await start('echo', serverShape());
      await eventually(() =>
        ask().then(
          () => true,
          () => false,
        ),
      );
      const answers = await Promise.all(Array.from({ length: 24 }, ask));
      const pods = await podsOf('echo');
      const addresses = new Set(answers.map((answer) => answer['POD_IP']));
      expect([...addresses].sort()).to.deep.equal(pods.map(({ status }) => status?.podIP).sort());
      const [first] = answers;
      expect(first).to.include({ ECHO_SERVICE_HOST: address, ECHO_SERVICE_PORT: '80' });
      expect(first?.['SELF']).to.equal(`http://${first?.['POD_IP'] ?? ''}:8080`);
      expect(pods.map(({ metadata }) => metadata?.name)).to.include(first?.['HOSTNAME']);
    });

    it('are listed in an EndpointSlice, and drop out of it when not ready', async () => {
      const discovery = kubeConfig(cluster()).makeApiClient(DiscoveryV1Api);
      const labelSelector = 'kubernetes.io/service-name=echo';
      const readiness = async (): Promise<(boolean | undefined)[]> => {
        const { items } = await discovery.listNamespacedEndpointSlice({ namespace, labelSelector });
        expect(items).to.have.length(1);
        expect(items[0]!.metadata?.name).to.match(/^echo-[a-z0-9]{5}$/);
        expect(items[0]!.ports?.[0]?.port).to.equal(8080);
        return items[0]!.endpoints.map(({ conditions }) => conditions?.ready);
      };
      expect(await readiness()).to.deep.equal([true, true]);
      writeFileSync(broken(), '');
      await eventually(async () => (await readiness()).every((ready) => ready === false));
      await eventually(() =>
        ask().then(
          () => false,
          () => true,
        ),
      );
      rmSync(broken());
      await eventually(async () => (await readiness()).every(Boolean));
      await end('echo');
    });
  });

  it('of a StatefulSet come and go in order, under the same names', async () => {
    const labels = { app: 'db' };
    const set = (replicas: number, value: string): string =>
      JSON.stringify({
        apiVersion: 'apps/v1',
        kind: 'StatefulSet',
        metadata: { name: 'db', namespace },
        spec: {
          replicas,
          serviceName: 'db',
          selector: { matchLabels: labels },
          template: {
            metadata: { labels },
            spec: {
              terminationGracePeriodSeconds: 0,
              containers: [
                { name: 'db', image: 'host', command: ['sleep', 'infinity'], env: [{ name: 'V', value }] },
              ],
            },
          },
        },
      });
    await cluster().apply(set(3, '1'));
    const first = await readyPods('db', 3);
    expect(first.map(({ metadata }) => metadata?.name)).to.deep.equal(['db-0', 'db-1', 'db-2']);
    const revision = (pod: V1Pod): string | undefined => pod.metadata?.labels?.['controller-revision-hash'];
    await cluster().apply(set(3, '2'));
    await eventually(async () => {
      const pods = await podsOf('db');
      return pods.length === 3 && pods.every((pod) => isReady(pod) && revision(pod) !== revision(first[0]!));
    });
    await cluster().apply(set(1, '2'));
    expect((await readyPods('db', 1))[0]?.metadata?.name).to.equal('db-0');
    await apps.deleteNamespacedStatefulSet({ namespace, name: 'db' });
  });
});
