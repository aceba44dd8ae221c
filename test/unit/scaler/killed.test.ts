import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect } from 'chai';
import { eventually } from '../../eventually.js';
import { ONE_POD_IN_TEN_MINUTES } from './loop/one-pod-rules.js';

const ROOT = path.resolve(import.meta.dirname, '../../..');
const START_MS = 60_000;

const METRIC = { namespace: 'shop', workload: 'cart', workload_kind: 'Deployment' };

/** Prometheus with a queue of twenty, and the Kubernetes API with one Deployment. */
class Cluster {
  replicas = 2;
  /** Replicas that Prometheus has scraped from the scaler. */
  scraped: number | undefined;
  /** Called once a change of the replicas is carried out, before it is responded to. */
  onScaled = (): void => undefined;
  queries = 0;
  readonly #server: Server = createServer((request, response) => void this.#respond(request, response));

  async start(): Promise<string> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  stop(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }

  async #respond(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let body = '';
    for await (const chunk of request) body += String(chunk);
    const url = new URL(request.url!, 'http://x');
    response.setHeader('content-type', 'application/json');
    if (url.searchParams.has('watch')) response.writeHead(200).flushHeaders();
    else response.end(JSON.stringify(this.#answer(request.method!, url.pathname, body)));
  }

  #answer(method: string, pathname: string, body: string): object {
    if (pathname === '/api/v1/query') return this.#query(new URLSearchParams(body).get('query') ?? '');
    if (pathname === '/api/v1/query_range') return this.#past(new URLSearchParams(body));
    const metadata = { namespace: 'shop', name: 'cart', uid: 'cart', resourceVersion: '7' };
    if (pathname.endsWith('/scale')) {
      if (method === 'PATCH') {
        this.replicas = (JSON.parse(body) as { spec: { replicas: number } }).spec.replicas;
        this.onScaled();
      }
      return { kind: 'Scale', metadata, spec: { replicas: this.replicas } };
    }
    const isApps = pathname === '/apis/apps/v1';
    if (isApps)
      return { resources: [{ name: 'deployments', kind: 'Deployment' }, { name: 'deployments/scale' }] };
    const items = pathname.endsWith('/deployments') ? [{ metadata, spec: { replicas: this.replicas } }] : [];
    return { kind: 'List', metadata: { resourceVersion: '7' }, items };
  }

  #past(form: URLSearchParams): object {
    const [start, end] = [Number(form.get('start')), Number(form.get('end'))];
    const values = [start, end].map((at) => [at, String(this.scraped)]);
    const result = this.scraped === undefined ? [] : [{ metric: METRIC, values }];
    return { status: 'success', data: { resultType: 'matrix', result } };
  }

  #query(expr: string): object {
    const now = Date.now() / 1000;
    this.queries++;
    const value = expr === 'queue_length' ? 20 : now;
    const result = expr.includes('queue_length') ? [{ metric: METRIC, value: [now, String(value)] }] : [];
    return { status: 'success', data: { resultType: 'vector', result } };
  }
}

describe('a scaler that is killed between a change of replicas and its record', function () {
  this.timeout(3 * START_MS);
  const cluster = new Cluster();
  const children: ChildProcess[] = [];
  let directory: string;
  let url: string;

  before(async () => {
    directory = mkdtempSync(path.join(tmpdir(), 'kernscale-killed-'));
    url = await cluster.start();
    writeFileSync(path.join(directory, 'rules.yaml'), ONE_POD_IN_TEN_MINUTES);
    const config = {
      clusters: [{ name: 'c', cluster: { server: url, 'insecure-skip-tls-verify': true } }],
      users: [{ name: 'u', user: { token: 'secret' } }],
      contexts: [{ name: 'x', context: { cluster: 'c', user: 'u' } }],
      'current-context': 'x',
    };
    writeFileSync(path.join(directory, 'kubeconfig'), JSON.stringify(config));
  });

  after(async () => {
    for (const child of children.filter(
      ({ exitCode, signalCode }) => exitCode === null && signalCode === null,
    )) {
      child.kill('SIGKILL');
      await once(child, 'exit');
    }
    cluster.stop();
    rmSync(directory, { recursive: true });
  });

  function launch(...more: string[]): ChildProcess {
    const flags = [
      `--rules=${directory}/rules.yaml`,
      `--kubernetes.kubeconfig=${directory}/kubeconfig`,
      `--prometheus.url=${url}`,
      '--web.listen-address=127.0.0.1:0',
      '--restore.range=0s',
      ...more,
    ];
    const command = ['--import=tsx', path.join(ROOT, 'scaler/main.ts'), ...flags];
    const child = spawn(process.execPath, command, { stdio: 'ignore' });
    children.push(child);
    return child;
  }

  async function killAndRestart(...flags: string[]): Promise<void> {
    cluster.replicas = 2;
    const first = launch(...flags);
    cluster.onScaled = () => first.kill('SIGKILL');
    await once(first, 'exit');
    expect(cluster.replicas).to.equal(3);
    let changes = 0;
    cluster.onScaled = () => {
      changes++;
    };
    const before = cluster.queries;
    const second = launch(...flags);
    await eventually('some rounds', () => cluster.queries - before > 80, START_MS);
    second.kill('SIGKILL');
    await once(second, 'exit');
    expect(changes).to.equal(0);
    expect(cluster.replicas).to.equal(3);
  }

  it('keeps to the period of its policy when it starts again, by its file', async () => {
    await killAndRestart(`--history.file=${directory}/history.json`);
  });

  it('keeps to the period of its policy where only Prometheus remembers', async () => {
    cluster.scraped = 2;
    await killAndRestart();
  });
});
