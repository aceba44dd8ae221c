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
      ruleManager: UNTOUCHABLE as never,
      registry: UNTOUCHABLE as never,
      assignments: refuse,
      problems: refuse,
      leads: refuse,
      unready: refuse,
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
});
