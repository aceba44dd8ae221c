import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { gunzipSync } from 'node:zlib';
import { expect } from 'chai';
import { pino } from 'pino';
import { eventually } from '../../eventually.js';
import { listen, type Listening } from '../../../common/http.js';
import { loadKubeConfig } from '../../../common/kubeconfig.js';
import { watchResource, type Watched } from '../../../common/kubernetes-watch.js';
import { Exporter } from '../../../exporter/exporter.js';
import { KubernetesSource } from '../../../exporter/identity/kubernetes.js';
import { knownPod, type KnownPod } from '../../../exporter/identity/pods.js';
import { createApp } from '../../../exporter/web.js';
import { LoopbackApi } from '../loopback-api.js';
import { asText, readDelimited } from './exposition/protobuf-reader.js';
import { BOUNDS, HandMadeProbes, NO_PROFILES } from './fixtures.js';

const UID = '0b4e9e2a-6f2d-4c1b-9d59-6f2f2c0d7e11';
const ID = 'ab'.repeat(32);
const POD = {
  metadata: { namespace: 'shop', name: 'web-1', uid: UID },
  spec: { containers: [{ name: 'web', image: 'web:1', resources: { limits: { cpu: '200m' } } }] },
  status: { containerStatuses: [{ name: 'web', containerID: `containerd://${ID}` }] },
};

interface Answer {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  body: Buffer;
}

describe('the exporter over HTTP', () => {
  let directory: string;
  let api: LoopbackApi;
  let probes: HandMadeProbes;
  let pods: Watched<KnownPod>;
  let exporter: Exporter;
  let server: Listening;
  let logged: string[];

  beforeEach(async () => {
    directory = mkdtempSync(path.join(tmpdir(), 'kernscale-'));
    const container = path.join(directory, 'cgroup', 'kubepods', `pod${UID}`, ID);
    mkdirSync(container, { recursive: true });
    api = new LoopbackApi();
    api.put(POD);
    await api.start();
    writeFileSync(path.join(directory, 'kubeconfig'), api.kubeconfig());
    logged = [];
    const log = pino({ level: 'warn' }, { write: (line) => logged.push(line) });
    probes = new HandMadeProbes();
    pods = watchResource({
      config: loadKubeConfig(path.join(directory, 'kubeconfig')),
      path: '/api/v1/pods',
      keep: knownPod,
      log,
      retrySeconds: { min: 0.02, max: 0.1 },
    });
    exporter = new Exporter({
      probes,
      profilePrograms: [],
      bounds: BOUNDS,
      detail: false,
      cgroupRoot: path.join(directory, 'cgroup'),
      source: new KubernetesSource(pods),
      policy: { ignoreNamespaces: /^kube-system$/, keepSeconds: 30 },
      version: '1.2.3',
      log,
    });
    server = await listen(createApp(exporter, NO_PROFILES, '1.2.3', log), ['127.0.0.1:0']);
    probes.run(statSync(container, { bigint: true }).ino, 1.5);
  });

  afterEach(async () => {
    await server.close();
    exporter.close();
    pods.stop();
    await api.stop();
    rmSync(directory, { recursive: true });
  });

  async function get(target: string, headers: Record<string, string> = {}, method = 'GET'): Promise<Answer> {
    const sent = request(`${server.urls[0]!}${target}`, { headers, method, agent: false }).end();
    const [response] = (await once(sent, 'response')) as [import('node:http').IncomingMessage];
    const chunks: Buffer[] = [];
    for await (const chunk of response) chunks.push(chunk as Buffer);
    return { status: response.statusCode!, headers: response.headers, body: Buffer.concat(chunks) };
  }
  const ONCPU = /^kernscale_state_seconds_total\{namespace="shop",pod="web-1",.*state="oncpu"\} 1\.5$/m;

  for (const target of ['/metrics', '/']) {
    it(`serves text to any scraper at ${target}`, async () => {
      await pods.synced;
      const { status, headers, body } = await get(target);
      expect(status).to.equal(200);
      expect(headers['content-type']).to.equal('text/plain; version=0.0.4; charset=utf-8');
      expect(body.toString()).to.match(ONCPU);
      expect(body.toString()).to.include('kernscale_build_info{version="1.2.3"');
      expect(body.toString()).to.include('program="sock_send_length"} 0');
      expect(body.toString()).not.to.include('kernscale_tcp_');
    });
  }

  it('serves OpenMetrics, compressed, to a Prometheus that requests it', async () => {
    await pods.synced;
    const { headers, body } = await get('/', {
      accept:
        'application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1',
      'accept-encoding': 'gzip',
    });
    expect(headers['content-type']).to.match(/^application\/openmetrics-text; version=1\.0\.0/);
    expect(headers['content-encoding']).to.equal('gzip');
    const text = gunzipSync(body).toString();
    expect(text).to.match(ONCPU);
    expect(text).to.include('# TYPE kernscale_state_seconds counter\n');
    expect(text.endsWith('\n# EOF\n')).to.equal(true);
  });

  it('serves protobuf to a Prometheus that takes native histograms', async () => {
    await pods.synced;
    const types = [
      'application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited',
      'application/openmetrics-text;version=1.0.0',
      'text/plain;version=0.0.4',
    ];
    const accept = (parameter: string) =>
      `${types.map((type, index) => `${type}${parameter};q=0.${6 - index}`).join()},*/*;q=0.2`;
    // Prometheus 2 and Prometheus 3.
    for (const parameter of ['', ';escaping=allow-utf-8']) {
      const { headers, body } = await get('/metrics', { accept: accept(parameter) });
      expect(headers['content-type']).to.match(
        /^application\/vnd\.google\.protobuf; proto=io\.prometheus\.client/,
      );
      const text = asText(readDelimited(body));
      expect(text).to.match(ONCPU);
      expect(text).to.include('kernscale_build_info{version="1.2.3"');
    }
  });

  const TEXT = 'text/plain; version=0.0.4; charset=utf-8';
  const OPENMETRICS = 'application/openmetrics-text; version=1.0.0; charset=utf-8';
  const PROTOBUF =
    'application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited';
  const NEGOTIATED: [accept: string, contentType: string][] = [
    ['*/*', TEXT],
    ['text/*', TEXT],
    ['application/json', TEXT],
    ['no media type;;', TEXT],
    ['application/openmetrics-text', OPENMETRICS],
    ['application/openmetrics-text; version=1.0.0; charset=utf-8', OPENMETRICS],
    ['application/openmetrics-text;version=0.0.1', TEXT],
    [
      'application/openmetrics-text;version=0.0.1,application/openmetrics-text;version=1.0.0;q=0.1',
      OPENMETRICS,
    ],
    ['application/openmetrics-text;q=0, */*', TEXT],
    ['application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.9', TEXT],
    [
      'text/plain;version=0.0.4;charset=utf-8;q=0.1,application/openmetrics-text;version=1.0.0;q=0.9',
      OPENMETRICS,
    ],
    ['application/vnd.google.protobuf', PROTOBUF],
    [PROTOBUF.replace('delimited', 'text'), TEXT],
    [PROTOBUF.replace('delimited', 'compact-text') + ',' + PROTOBUF + ';q=0.5', PROTOBUF],
  ];
  for (const [accept, contentType] of NEGOTIATED) {
    it(`responds to Accept: ${accept}`, async () => {
      expect((await get('/metrics', { accept })).headers['content-type']).to.equal(contentType);
    });
  }

  it('compresses only on request', async () => {
    for (const [encoding, expected] of [
      ['gzip', 'gzip'],
      ['br, gzip;q=0.5', 'gzip'],
      ['gzip;q=0', undefined],
      ['identity', undefined],
      ['br', undefined],
    ] as const) {
      const { headers } = await get('/metrics', { 'accept-encoding': encoding });
      expect(headers['content-encoding'], encoding).to.equal(expected);
      expect(headers['vary']).to.include('Accept-Encoding');
    }
  });

  it('serves a page to a browser at /, and metrics at /metrics all the same', async () => {
    const accept = 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8';
    const page = await get('/', { accept });
    expect(page.headers['content-type']).to.equal('text/html; charset=utf-8');
    expect(page.body.toString()).to.include('needs kernel 6.3');
    expect((await get('/metrics', { accept })).headers['content-type']).to.match(/^text\/plain/);
  });

  it('is healthy at once, and ready when the first list of pods is in', async () => {
    expect((await get('/-/healthy')).status).to.equal(200);
    await pods.synced;
    expect((await get('/-/ready')).status).to.equal(200);
  });

  it('is not ready before', () => {
    const waiting = watchResource({
      config: loadKubeConfig(path.join(directory, 'kubeconfig')),
      path: '/api/v1/pods',
      keep: knownPod,
      log: pino({ level: 'silent' }),
    });
    waiting.stop();
    const early = new Exporter({
      probes: new HandMadeProbes(),
      profilePrograms: [],
      bounds: BOUNDS,
      detail: false,
      cgroupRoot: directory,
      source: new KubernetesSource(waiting),
      policy: { ignoreNamespaces: /^$/, keepSeconds: 0 },
      version: '',
      log: pino({ level: 'silent' }),
    });
    expect(early.ready).to.equal(false);
    early.close();
  });

  it('responds to HEAD without a body, and with 404 and 405 where due', async () => {
    const head = await get('/metrics', {}, 'HEAD');
    expect([head.status, head.body.length]).to.deep.equal([200, 0]);
    expect((await get('/nowhere')).status).to.equal(404);
    expect((await get('/metrics', {}, 'POST')).status).to.equal(405);
  });

  it('continues with known pods while the API is down', async () => {
    await pods.synced;
    await api.stop();
    await eventually('the outage is noticed', () => logged.length > 0);
    expect((await get('/metrics')).body.toString()).to.match(ONCPU);
  });

  it('responds with 500 when the kernel cannot be read, and logs the reason', async () => {
    probes.read = () => {
      throw new Error('the maps are gone');
    };
    expect((await get('/metrics')).status).to.equal(500);
    expect(logged.join('')).to.include('the maps are gone');
  });

  it('is not disturbed by scrapers that hang up', async () => {
    await pods.synced;
    for (const encoding of ['gzip', 'identity']) {
      const socket = connect(Number(new URL(server.urls[0]!).port), '127.0.0.1');
      socket.write(`GET /metrics HTTP/1.1\r\nhost: x\r\naccept-encoding: ${encoding}\r\n\r\n`);
      await once(socket, 'connect');
      socket.destroy();
    }
    const both = await Promise.all([get('/metrics'), get('/metrics')]);
    for (const { body } of both) expect(body.toString()).to.match(ONCPU);
    expect(logged).to.deep.equal([]);
  });
});
