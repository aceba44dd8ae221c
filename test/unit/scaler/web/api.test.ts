import { get, type IncomingMessage } from 'node:http';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { createGunzip } from 'node:zlib';
import { expect } from 'chai';
import type { Listening } from '../../../../common/http.js';
import type { Update } from '../../../../scaler/web/row.js';
import { fleet, type StandIn } from '../../../browser/stand-in.js';
import { eventually } from '../../../eventually.js';
import { serveDecisions } from '../decisions.js';

const COUNT = 1200;

describe('the API of the page', () => {
  let standIn: StandIn;
  let server: Listening;

  beforeEach(async () => {
    standIn = fleet(COUNT, Date.now() / 1000);
    server = await serveDecisions(standIn.records, 1, [], standIn.board);
  });
  afterEach(() => server.close());

  async function open(path: string, headers: Record<string, string> = {}): Promise<IncomingMessage> {
    const sent = get(`${server.urls[0]!}${path}`, { headers, agent: false });
    const [response] = (await once(sent, 'response')) as [IncomingMessage];
    return response;
  }

  async function size(response: IncomingMessage): Promise<number> {
    let bytes = 0;
    for await (const chunk of response) bytes += (chunk as Buffer).length;
    return bytes;
  }

  it('lists workloads in about 300 bytes each, and compressed in far less', async () => {
    const plain = await open('/api/v1/workloads');
    expect(plain.headers['content-encoding']).to.equal(undefined);
    expect(await size(plain)).to.be.below(330 * COUNT);
    const small = await open('/api/v1/workloads', { 'accept-encoding': 'gzip' });
    expect(small.headers).to.include({ 'content-encoding': 'gzip', vary: 'Accept-Encoding' });
    expect(await size(small)).to.be.below(60 * COUNT);
  });

  it('streams events compressed as they are made, and forgets a client that has gone', async () => {
    const response = await open('/api/v1/events', { 'accept-encoding': 'gzip' });
    expect(response.headers['content-type']).to.match(/^text\/event-stream/);
    const updates: Update[] = [];
    let rows = 0;
    for await (const line of createInterface(response.pipe(createGunzip()))) {
      if (!line.startsWith('data: ')) continue;
      updates.push(JSON.parse(line.slice(6)) as Update);
      rows += updates.at(-1)!.rows?.length ?? 0;
      if (rows === COUNT) break;
    }
    expect(updates[0]).to.include({ first: true, more: true });
    expect(updates.at(-1)!.more).to.equal(undefined);
    expect(standIn.board.readers).to.equal(1);
    response.destroy();
    await eventually('the client is forgotten', () => standIn.board.readers === 0);
  });

  it('ends streams when it closes, and refuses more than 64', async () => {
    const streams: IncomingMessage[] = [];
    for (let index = 0; index < 64; index++) streams.push(await open('/api/v1/events'));
    for (const stream of streams) stream.on('error', () => undefined).resume();
    expect((await open('/api/v1/events')).statusCode).to.equal(503);
    const ended = new Promise((resolve) => streams[0]!.once('close', resolve));
    await server.close();
    await ended;
  });

  it('answers what is not known with 404', async () => {
    expect((await open('/api/v1/workloads/a/b/c/history')).statusCode).to.equal(404);
    expect((await open('/api/v1/workloads/team-1/Deployment/service-00001/history')).statusCode).to.equal(
      200,
    );
  });
});
