import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { createServer as createTcpServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { CONTENT_TYPES, TRAILERS, type TextFormat } from '../../exporter/exposition.js';
import { renderContainers } from '../../exporter/render.js';
import { ALL_PROBES, BOUNDS, busyCounters, identity } from '../unit/exporter-fixtures.js';
import { eventually } from '../unit/loopback-api.js';

const PROMETHEUS = fileURLToPath(new URL('../../.cache/prometheus/usr/bin/prometheus', import.meta.url));
const ODD = 'a"b\\c\nd';

describe('Prometheus', function () {
  this.timeout(30_000);
  let directory: string;
  let prometheus: ChildProcess;
  let url: string;
  const servers: Server[] = [];

  before(async () => {
    directory = mkdtempSync(path.join(tmpdir(), 'kernscale-'));
    const jobs = await Promise.all((['text', 'openmetrics'] as const).map(serve));
    const config = { global: { scrape_interval: '250ms', scrape_timeout: '200ms' }, scrape_configs: jobs };
    writeFileSync(path.join(directory, 'prometheus.yml'), JSON.stringify(config));
    const port = await freePort();
    url = `http://127.0.0.1:${port}`;
    prometheus = spawn(
      PROMETHEUS,
      [
        `--config.file=${directory}/prometheus.yml`,
        `--storage.tsdb.path=${directory}/data`,
        `--web.listen-address=127.0.0.1:${port}`,
      ],
      { stdio: 'ignore' },
    );
    await eventually('it has scraped', async () => (await query('up == 1')).length === 2, 20_000);
  });

  after(async () => {
    if (prometheus.exitCode === null) {
      prometheus.kill('SIGKILL');
      await once(prometheus, 'exit');
    }
    for (const server of servers) server.close();
    rmSync(directory, { recursive: true });
  });

  /** Serves the same two containers in one format, whatever is asked for. */
  async function serve(format: TextFormat): Promise<object> {
    const series = [
      { identity: identity(), counters: busyCounters(1), live: true },
      { identity: identity({ pod: ODD }), counters: busyCounters(2), live: true },
    ];
    const chunks = [...renderContainers(series, { format, probes: ALL_PROBES, bounds: BOUNDS })];
    const server = createServer((_, response) => {
      response.setHeader('content-type', CONTENT_TYPES[format]).end(chunks.join('') + TRAILERS[format]);
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    servers.push(server);
    const { port } = server.address() as AddressInfo;
    return { job_name: format, static_configs: [{ targets: [`127.0.0.1:${port}`] }] };
  }

  async function query(expression: string): Promise<[Record<string, string>, number][]> {
    const parameters = new URLSearchParams({ query: expression }).toString();
    const response = await fetch(`${url}/api/v1/query?${parameters}`).catch(() => undefined);
    if (response?.status !== 200) return [];
    const { data } = (await response.json()) as {
      data: { result: { metric: Record<string, string>; value: [number, string] }[] };
    };
    return data.result.map(({ metric, value }) => [metric, Number(value[1])]);
  }
  /** One value per format; both must be the same. */
  async function one(expression: string): Promise<number> {
    const answers = await query(expression);
    expect(answers.map(([{ job }]) => job).sort(), expression).to.deep.equal(['openmetrics', 'text']);
    const [value, other] = answers.map((answer) => answer[1]);
    expect(value).to.equal(other);
    return value!;
  }

  it('reads the same from both formats, to the last label', async () => {
    const pods = (await query('kernscale_container_info')).map(([{ job, pod }]) => `${job} ${pod}`).sort();
    const { pod } = identity();
    expect(pods).to.deep.equal(['openmetrics', 'text'].flatMap((job) => [`${job} ${ODD}`, `${job} ${pod}`]));
    expect(await one('count by (job) ({__name__=~"kernscale_.*"})')).to.be.greaterThan(400);
    expect(await one('sum by (job) (kernscale_state_seconds_total{state="network"})')).to.equal(15);
  });

  it('finds a known latency in its bucket, and no more in the sum of buckets than were observed', async () => {
    // Both requests took 50 to 60 ms: between the bounds 4^-3 and 4^-2.
    const quantile = 'histogram_quantile(1, sum by (job, le) (kernscale_tcp_serve_seconds_bucket))';
    expect(await one(quantile)).to.equal(0.0625);
    const infinite = 'sum by (job) (kernscale_runqueue_seconds_bucket{le="+Inf"})';
    expect(await one(infinite)).to.equal(await one('sum by (job) (kernscale_runqueue_seconds_count)'));
  });
});

async function freePort(): Promise<number> {
  const server = createTcpServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
