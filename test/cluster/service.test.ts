import { rmSync, writeFileSync } from 'node:fs';
import { get } from 'node:http';
import path from 'node:path';
import { json } from 'node:stream/consumers';
import { DiscoveryV1Api } from '@kubernetes/client-node';
import { expect } from 'chai';
import { eventually } from '../eventually.js';
import { kubeConfig, namespace, service, Shop, useCluster, type DeploymentShape } from './harness.js';

/** Responds to every request with its environment, or with 503 while the file BROKEN exists. */
const SERVER = [
  process.execPath,
  '-e',
  `require('http').createServer((request, response) => {
    response.writeHead(require('fs').existsSync(process.env.BROKEN) ? 503 : 200);
    response.end(JSON.stringify(process.env));
  }).listen(8080, process.env.POD_IP)`,
];
const POD_IP = { name: 'POD_IP', valueFrom: { fieldRef: { fieldPath: 'status.podIP' } } };

describe('stand-in cluster: pods behind a Service', () => {
  const cluster = useCluster();
  let shop: Shop;
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
    shop = new Shop(cluster());
    await cluster().apply(service('echo', 80, 'http'));
    address = (await shop.core.readNamespacedService({ namespace, name: 'echo' })).spec!.clusterIP!;
  });

  /** Sends one request on a new connection. @returns the environment of the pod that responds */
  const request = (): Promise<Record<string, string>> =>
    new Promise((resolve, reject) => {
      const sent = get({ host: address, port: 80, agent: false }, (response) => {
        json(response).then((body) => {
          resolve(body as Record<string, string>);
        }, reject);
      });
      sent.on('error', reject);
    });
  const responds = (): Promise<boolean> =>
    request().then(
      () => true,
      () => false,
    );

  it('refuse connections while no pod is ready', async () => {
    const refused = await request().catch((error: unknown) => error);
    expect(refused).to.have.property('code', 'ECONNREFUSED');
  });

  it('share connections, each with its own address and environment', async () => {
    await shop.start('echo', serverShape());
    await eventually('a pod responds', responds);
    const environments = await Promise.all(Array.from({ length: 24 }, request));
    const pods = await shop.podsOf('echo');
    const addresses = new Set(environments.map((environment) => environment['POD_IP']));
    expect([...addresses].sort()).to.deep.equal(pods.map(({ status }) => status?.podIP).sort());
    const [first] = environments;
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
    await eventually('no endpoint is ready', async () =>
      (await readiness()).every((ready) => ready === false),
    );
    await eventually('connections are refused', async () => !(await responds()));
    rmSync(broken());
    await eventually('all endpoints are ready', async () => (await readiness()).every(Boolean));
    await shop.end('echo');
  });
});
