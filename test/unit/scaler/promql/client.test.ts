import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import { expect } from 'chai';
import { pino } from 'pino';
import { PrometheusClient, type PrometheusOptions } from '../../../../scaler/promql/client.js';
import { ServerClock } from '../../../../scaler/promql/server-clock.js';

const EMPTY = '{"status":"success","data":{"resultType":"vector","result":[]}}';

type Handler = (request: IncomingMessage, response: ServerResponse, body: string) => void;

describe('PrometheusClient', () => {
  let server: Server;
  let handler: Handler;
  let url: string;
  const clients: PrometheusClient[] = [];

  beforeEach(async () => {
    handler = (_request, response) => response.end(EMPTY);
    server = createServer((request, response) => {
      let body = '';
      request.on('data', (chunk: Buffer) => (body += chunk.toString()));
      request.on('end', () => {
        handler(request, response, body);
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });

  afterEach(async () => {
    await Promise.all(clients.splice(0).map((client) => client.close()));
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });

  function client(options: Partial<PrometheusOptions> = {}): PrometheusClient {
    const made = new PrometheusClient({ url, timeout: 1, ...options });
    clients.push(made);
    return made;
  }

  it('posts the expression, the evaluation time and its timeout as a form', async () => {
    let seen: [string | undefined, string] = ['', ''];
    handler = (request, response, body) => {
      seen = [request.url, body];
      response.end(EMPTY);
    };
    expect(await client({ url: `${url}/prefix/` }).query('up{a="b"}', 1700000000.25)).to.deep.equal({
      ok: true,
      samples: [],
    });
    expect(seen[0]).to.equal('/prefix/api/v1/query');
    expect(Object.fromEntries(new URLSearchParams(seen[1]))).to.deep.equal({
      query: 'up{a="b"}',
      time: '1700000000.250',
      timeout: '1000ms',
    });
  });

  it('sends headers, the basic credentials of the URL, and a token that it reads again for every query', async () => {
    const seen: IncomingMessage['headers'][] = [];
    handler = (request, response) => {
      seen.push(request.headers);
      response.end(EMPTY);
    };
    const directory = await mkdtemp(path.join(tmpdir(), 'kernscale-'));
    const tokenFile = path.join(directory, 'token');
    try {
      await client({ url: url.replace('//', '//user:p%40ss@') }).query('up', 1);
      const tenant = client({
        http: {
          authorization: { credentials_file: tokenFile },
          http_headers: { 'X-Scope-OrgID': { values: ['shop'] } },
        },
      });
      await writeFile(tokenFile, 'one\n');
      await tenant.query('up', 1);
      await writeFile(tokenFile, 'two\n');
      await tenant.query('up', 1);
    } finally {
      await rm(directory, { recursive: true });
    }
    expect(seen.map(({ authorization }) => authorization)).to.deep.equal([
      `Basic ${Buffer.from('user:p@ss').toString('base64')}`,
      'Bearer one',
      'Bearer two',
    ]);
    expect(seen[1]?.['x-scope-orgid']).to.equal('shop');
  });

  it('reports a missing token instead of querying without one', async () => {
    expect(
      await client({ http: { authorization: { credentials_file: '/nonexistent' } } }).query('up', 1),
    ).to.include({
      ok: false,
      failure: 'unauthorized',
    });
  });

  it("learns Prometheus' clock, and fails what was timed by another one", async () => {
    const behind = 60;
    handler = (_request, response) => {
      response.setHeader('date', new Date(Date.now() + behind * 1000).toUTCString());
      response.end(EMPTY);
    };
    const clock = new ServerClock(pino({ level: 'silent' }));
    const outcomes: string[] = [];
    const timed = client({ clock, onQuery: (outcome) => outcomes.push(outcome) });
    const first = await Promise.all([timed.query('up', clock.now()), timed.query('down', clock.now())]);
    for (const result of first) expect(result).to.include({ ok: false, failure: 'clock' });
    expect(clock.skew()).to.be.closeTo(-behind, 1.5);
    expect(await timed.query('up', clock.now())).to.include({ ok: true });
    expect(outcomes).to.deep.equal(['clock', 'clock', 'success']);
  });

  it('fails after its timeout', async () => {
    handler = () => undefined;
    const result = await client({ timeout: 0.1 }).query('up', 1);
    expect(result).to.deep.equal({
      ok: false,
      failure: 'timeout',
      message: `Prometheus at ${new URL(url).host} sent no response within 0.1 s`,
    });
  });

  it('fails on a response that never ends', async () => {
    handler = (_request, response) => response.write('{"status":');
    expect(await client({ timeout: 0.2 }).query('up', 1)).to.include({ failure: 'timeout' });
  });

  it('reports a redirect and does not follow it with credentials', async () => {
    const requested: (string | undefined)[] = [];
    handler = (request, response) => {
      requested.push(request.url);
      response.writeHead(308, { location: 'https://elsewhere.example/' }).end();
    };
    expect(await client().query('up', 1)).to.deep.equal({
      ok: false,
      failure: 'http',
      message: 'Prometheus returned HTTP 308: it moved to https://elsewhere.example/; use that URL',
    });
    expect(requested).to.deep.equal(['/api/v1/query']);
  });

  it('requests a response without compression, and rejects a compressed one', async () => {
    let accepted: unknown;
    handler = (request, response) => {
      accepted = request.headers['accept-encoding'];
      response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync(EMPTY));
    };
    expect(await client().query('up', 1)).to.deep.equal({
      ok: false,
      failure: 'malformed',
      message: 'Prometheus returned a response encoded as gzip, which was not requested',
    });
    expect(accepted).to.equal('identity');
  });

  it('reports a response that breaks off as unreachable, after four attempts', async () => {
    let requests = 0;
    handler = (_request, response) => {
      requests++;
      response.writeHead(200, { 'content-length': '1000' }).write(EMPTY);
      setTimeout(() => response.destroy(), 5);
    };
    expect(await client({ timeout: 5 }).query('up', 1)).to.include({ failure: 'unreachable' });
    expect(requests).to.equal(4);
  });

  it('retries when a proxy has no backend, but not when Prometheus rejects the query', async () => {
    const responses: [number, string][] = [
      [502, 'Bad Gateway'],
      [503, ''],
      [200, EMPTY],
      [503, '{"status":"error","errorType":"timeout","error":"query timed out"}'],
      [200, EMPTY],
    ];
    let requests = 0;
    handler = (_request, response) => {
      const [status, body] = responses[requests++]!;
      response.writeHead(status).end(body);
    };
    const prometheus = client({ timeout: 5 });
    expect((await prometheus.query('up', 1)).ok).to.equal(true);
    expect(await prometheus.query('up', 1)).to.include({ failure: 'query_error' });
    expect(requests).to.equal(4);
  });

  it('does not retry before Retry-After', async () => {
    let requests = 0;
    handler = (_request, response) => {
      requests++;
      response.writeHead(429, { 'retry-after': '30' }).end();
    };
    expect(await client().query('up', 1)).to.include({ failure: 'http' });
    expect(requests).to.equal(1);
  });

  it('reports a refused connection as unreachable', async () => {
    const refused = client({ url: 'http://127.0.0.1:1' });
    expect(await refused.query('up', 1)).to.include({ failure: 'unreachable' });
  });

  it('retries when a kept-alive connection closes', async () => {
    let requests = 0;
    handler = (request, response) => {
      requests++;
      if (requests === 2) request.socket.destroy();
      else response.end(EMPTY);
    };
    const prometheus = client();
    await prometheus.query('up', 1);
    expect((await prometheus.query('up', 1)).ok).to.equal(true);
    expect(requests).to.equal(3);
  });

  it('reuses connections and leaves room on the server for others', async () => {
    let running = 0;
    let most = 0;
    const ports = new Set<number | undefined>();
    handler = (request, response) => {
      running++;
      most = Math.max(most, running);
      ports.add(request.socket.remotePort);
      setTimeout(() => {
        running--;
        response.end(EMPTY);
      }, 5);
    };
    const outcomes: string[] = [];
    const prometheus = client({ onQuery: (outcome) => outcomes.push(outcome) });
    await Promise.all(Array.from({ length: 40 }, () => prometheus.query('up', 1)));
    expect(most).to.be.at.most(8);
    expect(ports.size).to.be.at.most(8);
    expect(outcomes).to.have.length(40);
  });

  it('rejects an invalid address', () => {
    expect(() => client({ url: 'prometheus:9090' }))
      .to.throw()
      .with.property('code', 'PROMETHEUS_URL');
  });
});
