import { once } from 'node:events';
import { request, type IncomingMessage } from 'node:http';
import { text } from 'node:stream/consumers';
import { expect } from 'chai';
import { pino } from 'pino';
import { listen, type Listening } from '../../../../common/http.js';
import { createApp } from '../../../../scaler/web/app.js';

/** Throws whatever is asked of it. */
function refuse(): never {
  throw new Error('it was asked');
}
const UNTOUCHABLE = new Proxy({}, { get: refuse });

describe("the scaler's HTTP surface", () => {
  let server: Listening;

  before(async () => {
    const app = createApp({
      records: UNTOUCHABLE as never,
      board: UNTOUCHABLE as never,
      dryRun: false,
      ruleManager: UNTOUCHABLE as never,
      registry: UNTOUCHABLE as never,
      assignments: refuse,
      clock: refuse,
      problems: refuse,
      leads: refuse,
      unready: refuse,
      externalUrl: new URL('https://scaler.example.com'),
      log: pino({ level: 'silent' }),
    });
    server = await listen(app, ['127.0.0.1:0']);
  });
  after(() => server.close());

  const status = async (path: string) => (await fetch(`${server.urls[0]!}${path}`)).status;

  it('says that it is healthy without asking anything: its event loop turns', async () => {
    expect(await status('/-/ready')).to.equal(500);
    expect(await status('/-/healthy')).to.equal(200);
  });

  async function send(method: string, path: string, headers: Record<string, string>) {
    const sent = request(`${server.urls[0]!}${path}`, { method, headers, agent: false }).end();
    const [response] = (await once(sent, 'response')) as [IncomingMessage];
    return { status: response.statusCode!, body: await text(response) };
  }

  it('refuses names that a website can have, on its page and in its API', async () => {
    for (const path of ['/', '/page.js', '/api/v1/decisions', '/api/v1/rules', '/-/reload', '/nothing']) {
      const { status, body } = await send('GET', path, { host: 'evil.com' });
      expect(status, path).to.equal(403);
      expect(body).to.match(
        /^no answer by the name "evil\.com": .*--web\.external-url.* \[HOST_REFUSED\]\n$/,
      );
    }
    for (const host of ['scaler.example.com', 'kernscale-scaler.kernscale.svc:5001', '10.42.0.7:5001']) {
      expect((await send('GET', '/', { host })).status, host).to.equal(200);
    }
    expect((await send('GET', '/-/healthy', { host: 'node-1.example.com' })).status).to.equal(200);
  });

  it('reloads for no other page', async () => {
    const { status, body } = await send('POST', '/-/reload', { origin: 'https://evil.com' });
    expect(status).to.equal(403);
    expect(body).to.match(/^a page of https:\/\/evil\.com .*\[ORIGIN_REFUSED\]\n$/);
    // Reaches the rule manager, which refuses here.
    for (const headers of [{}, { origin: 'https://scaler.example.com' }]) {
      expect((await send('POST', '/-/reload', headers)).status).to.equal(500);
    }
  });
});
