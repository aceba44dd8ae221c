import { once } from 'node:events';
import { connect } from 'node:net';
import path from 'node:path';
import { gunzipSync } from 'node:zlib';
import { expect } from 'chai';
import { pino } from 'pino';
import { eventually } from '../../eventually.js';
import { listen } from '../../../common/http.js';
import { loadKubeConfig } from '../../../common/kubeconfig.js';
import { watchResource } from '../../../common/kubernetes-watch.js';
import { Exporter } from '../../../exporter/exporter.js';
import { KubernetesSource } from '../../../exporter/identity/kubernetes.js';
import { knownPod } from '../../../exporter/identity/pods.js';
import { createApp } from '../../../exporter/web.js';
import { asText, readDelimited } from './exposition/protobuf-reader.js';
import { BOUNDS, HandMadeProbes } from './fixtures.js';
import { ONCPU, send, serveExporter, type ServedExporter } from './served.js';

describe('the exporter over HTTP', () => {
  let served: ServedExporter;
  let get: ServedExporter['get'];

  beforeEach(async () => {
    served = await serveExporter();
    ({ get } = served);
  });

  afterEach(() => served.stop());

  for (const target of ['/metrics', '/']) {
    it(`serves text to any scraper at ${target}`, async () => {
      await served.pods.synced;
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
    await served.pods.synced;
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
    await served.pods.synced;
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

  it('is healthy at once, and ready when the first list of pods is in', async () => {
    expect((await get('/-/healthy')).status).to.equal(200);
    await served.pods.synced;
    expect((await get('/-/ready')).status).to.equal(200);
  });

  it('says that it is healthy without asking anything: its event loop turns', async () => {
    const refuse = (): never => {
      throw new Error('it was asked');
    };
    const untouchable = new Proxy({}, { get: refuse });
    const app = createApp(
      untouchable as never,
      untouchable as never,
      { version: '', maxRequests: 0 },
      pino({ level: 'silent' }),
    );
    const server = await listen(app, ['127.0.0.1:0']);
    try {
      expect((await send(server, '/-/ready')).status).to.equal(500);
      expect((await send(server, '/-/healthy')).status).to.equal(200);
    } finally {
      await server.close();
    }
  });

  it('is not ready before', () => {
    const waiting = watchResource({
      config: loadKubeConfig(path.join(served.directory, 'kubeconfig')),
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
      cgroupRoot: served.directory,
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
    await served.pods.synced;
    await served.api.stop();
    await eventually('the outage is noticed', () => served.logged.length > 0);
    expect((await get('/metrics')).body.toString()).to.match(ONCPU);
  });

  it('responds with 500 when the kernel cannot be read, and logs the reason', async () => {
    served.probes.read = () => {
      throw new Error('the maps are gone');
    };
    expect((await get('/metrics')).status).to.equal(500);
    expect(served.logged.join('')).to.include('the maps are gone');
  });

  it('is not disturbed by scrapers that hang up', async () => {
    await served.pods.synced;
    for (const encoding of ['gzip', 'identity']) {
      const socket = connect(Number(new URL(served.server.urls[0]!).port), '127.0.0.1');
      socket.write(`GET /metrics HTTP/1.1\r\nhost: x\r\naccept-encoding: ${encoding}\r\n\r\n`);
      await once(socket, 'connect');
      socket.destroy();
    }
    const both = await Promise.all([get('/metrics'), get('/metrics')]);
    for (const { body } of both) expect(body.toString()).to.match(ONCPU);
    expect(served.logged).to.deep.equal([]);
  });
});
