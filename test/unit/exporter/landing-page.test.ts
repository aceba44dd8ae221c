import { createHash } from 'node:crypto';
import { connect } from 'node:net';
import { expect } from 'chai';
import { eventually } from '../../eventually.js';
import type { Exporter } from '../../../exporter/exporter.js';
import { landingPage } from '../../../exporter/landing-page.js';
import { asText, readDelimited } from './exposition/protobuf-reader.js';
import { ONCPU, serveExporter, type ServedExporter } from './served.js';

/** Lets no scrape end until the result is called. */
function holdScrapes(exporter: Exporter): (() => void) & { waiting: () => number } {
  let waiting = 0;
  let open = (): void => undefined;
  const opened = new Promise<void>((resolve) => (open = resolve));
  const scrape = exporter.scrape.bind(exporter);
  exporter.scrape = async function* (...of) {
    waiting++;
    await opened;
    yield* scrape(...of);
  };
  return Object.assign(open, { waiting: () => waiting });
}

describe('the exporter, to a browser and to many scrapers', () => {
  let served: ServedExporter;
  let get: ServedExporter['get'];

  beforeEach(async () => {
    served = await serveExporter();
    ({ get } = served);
  });

  afterEach(() => served.stop());

  const BROWSER = 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8';

  it('serves a page to a browser at /, and metrics at /metrics all the same', async () => {
    await served.pods.synced;
    const page = await get('/', { accept: BROWSER });
    expect(page.headers['content-type']).to.equal('text/html; charset=utf-8');
    const text = page.body.toString();
    expect(text).to.include('<meta name="viewport" content="width=device-width, initial-scale=1">');
    expect([...text.matchAll(/<h\d>(.*?)<\/h\d>/g)].map(([, heading]) => heading)).to.deep.equal([
      'Kernscale exporter',
      'Busiest workloads',
      'BPF programs: 3 of 4 attached',
    ]);
    expect(text).to.include('needs kernel 6.3');
    expect((await get('/metrics', { accept: BROWSER })).headers['content-type']).to.match(/^text\/plain/);
  });

  it('serves a page that runs no script, and whose own style the browser accepts', async () => {
    const { headers, body } = await get('/', { accept: BROWSER });
    const style = /<style>(.*?)<\/style>/s.exec(body.toString())![1]!;
    const hash = createHash('sha256').update(style).digest('base64');
    expect(headers['content-security-policy']).to.equal(
      `default-src 'none'; style-src 'sha256-${hash}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
    );
    expect(headers['x-content-type-options']).to.equal('nosniff');
    expect(body.toString()).not.to.match(/<script|\son\w+=|style=/);
  });

  it('names on its page who was busiest between the last scrapes', async () => {
    await served.pods.synced;
    await get('/metrics');
    expect((await get('/', { accept: BROWSER })).body.toString()).to.include('after the second scrape');
    const busy = /<th scope="row">oncpu<\/th>\s*<td>shop\/web-1 \d+\.\d\d<\/td>/;
    await eventually('the busiest are named', async () => {
      served.probes.run(served.cgroupId, 30);
      await get('/metrics');
      return busy.test((await get('/', { accept: BROWSER })).body.toString());
    });
  });

  it('says on its page what runs in reduced mode, and escapes what others name', () => {
    const page = landingPage({
      version: '1.2.3',
      ready: false,
      reduced: { reason: 'no_btf', detail: 'no </strong> BTF' },
      programs: [],
      busiest: new Map([['disk', [{ name: `shop/<b>"'&`, threads: 2 }]]]),
    });
    expect(page).to.include('<strong>no &#60;/strong&#62; BTF (no_btf).</strong>');
    expect(page).to.include('<td>shop/&#60;b&#62;&#34;&#39;&#38; 2.00</td>');
    expect(page).to.include('Not ready');
    expect(page).not.to.include('BPF programs');
  });

  for (const accept of [
    'text/plain',
    'application/openmetrics-text;version=1.0.0',
    'application/vnd.google.protobuf',
  ]) {
    it(`serves only the metrics that name[] names, as ${accept}`, async () => {
      await served.pods.synced;
      const names = ['kernscale_state_seconds_total', 'kernscale_build_info', 'no_such_metric'];
      const query = names.map((name) => `name[]=${name}`).join('&');
      const { status, body } = await get(`/metrics?${query}`, { accept });
      expect(status).to.equal(200);
      const text = accept.endsWith('protobuf') ? asText(readDelimited(body)) : body.toString();
      const found = new Set([...text.matchAll(/^(\w+)\{/gm)].map(([, name]) => name));
      expect([...found]).to.have.members(names.slice(0, 2));
      expect(text).to.match(ONCPU);
    });
  }

  it('turns scrapes away while it serves as many as it may, and only then', async () => {
    await served.pods.synced;
    const release = holdScrapes(served.exporter);
    const slow = [get('/metrics'), get('/')];
    await eventually('two scrapes are served', () => release.waiting() === 2);
    for (const target of ['/metrics', '/']) {
      const refused = await get(target);
      expect(refused.status).to.equal(503);
      expect(refused.body.toString()).to.equal('2 scrapes are being served already; try again later.\n');
    }
    expect((await get('/-/healthy')).status).to.equal(200);
    expect((await get('/', { accept: BROWSER })).status).to.equal(200);
    release();
    for (const { status } of await Promise.all(slow)) expect(status).to.equal(200);
    expect((await get('/metrics')).status).to.equal(200);
  });

  it('counts no scrape that has failed, or whose client has gone', async () => {
    await served.pods.synced;
    const read = served.probes.read.bind(served.probes);
    served.probes.read = () => {
      throw new Error('the maps are gone');
    };
    for (let count = 0; count < 3; count++) expect((await get('/metrics')).status).to.equal(500);
    served.probes.read = read;
    const release = holdScrapes(served.exporter);
    for (let count = 0; count < 2; count++) {
      const socket = connect(Number(new URL(served.server.urls[0]!).port), '127.0.0.1');
      socket.write('GET /metrics HTTP/1.1\r\nhost: x\r\n\r\n');
      await eventually('it is served', () => release.waiting() === count + 1);
      socket.destroy();
    }
    release();
    await eventually('a scrape is served', async () => (await get('/metrics')).status === 200);
  });
});
