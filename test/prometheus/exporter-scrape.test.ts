import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect } from 'chai';
import { eventually } from '../eventually.js';
import { CONTENT_TYPES, type TextFormat, TRAILERS } from '../../exporter/exposition/format.js';
import { busyCounters, identity, rendered } from '../unit/exporter/fixtures.js';

import { ScrapingPrometheus } from './prometheus.js';

const ODD = 'a"b\\c\nd';

describe('Prometheus', function () {
  this.timeout(30_000);
  const prometheus = new ScrapingPrometheus();
  const servers: Server[] = [];

  before(async () => {
    await prometheus.start(await Promise.all((['text', 'openmetrics'] as const).map(serve)));
    await eventually('a scrape of both formats', async () => (await query('up == 1')).length === 2, 20_000);
  });

  after(async () => {
    await prometheus.stop();
    for (const server of servers) server.close();
  });

  const query = (expression: string) => prometheus.query(expression);

  /** Serves the same two containers in one format, whatever is requested. */
  async function serve(format: TextFormat): Promise<object> {
    const series = [
      { identity: identity(), counters: busyCounters(1), live: true },
      { identity: identity({ pod: ODD }), counters: busyCounters(2), live: true },
    ];
    const body = Buffer.concat([rendered(series, format), TRAILERS[format]]);
    const server = createServer((_, response) => {
      response.setHeader('content-type', CONTENT_TYPES[format]).end(body);
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    servers.push(server);
    const { port } = server.address() as AddressInfo;
    return { job_name: format, static_configs: [{ targets: [`127.0.0.1:${port}`] }] };
  }

  /** Returns the value of a query, which must be the same in both formats. */
  async function one(expression: string): Promise<number> {
    const samples = await query(expression);
    expect(samples.map(([{ job }]) => job).sort(), expression).to.deep.equal(['openmetrics', 'text']);
    const [value, other] = samples.map((sample) => sample[1]);
    expect(value).to.equal(other);
    return value!;
  }

  it('reads the same series and labels from both formats', async () => {
    const pods = (await query('kernscale_container_info')).map(([{ job, pod }]) => `${job} ${pod}`).sort();
    const { pod } = identity();
    expect(pods).to.deep.equal(['openmetrics', 'text'].flatMap((job) => [`${job} ${ODD}`, `${job} ${pod}`]));
    expect(await one('count by (job) ({__name__=~"kernscale_.*"})')).to.be.greaterThan(400);
    expect(await one('sum by (job) (kernscale_state_seconds_total{state="network"})')).to.equal(
      busyCounters(1).stateSeconds.network + busyCounters(2).stateSeconds.network,
    );
  });

  it('has a known latency in its bucket, and as many observations in the buckets as in the count', async () => {
    // Both requests took 50 to 60 ms, between the bounds 4^-3 and 4^-2 s.
    const quantile = 'histogram_quantile(1, sum by (job, le) (kernscale_tcp_serve_seconds_bucket))';
    expect(await one(quantile)).to.equal(0.0625);
    const infinite = 'sum by (job) (kernscale_runqueue_seconds_bucket{le="+Inf"})';
    expect(await one(infinite)).to.equal(await one('sum by (job) (kernscale_runqueue_seconds_count)'));
  });
});
