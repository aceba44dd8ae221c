import { expect } from 'chai';
import { Board } from '../../../../scaler/web/board.js';
import { eventStream } from '../../../../scaler/web/event-stream.js';
import type { Status, Update } from '../../../../scaler/web/row.js';

describe('the stream of events', () => {
  let now = 1000;
  let status: Status;
  const board = new Board();

  beforeEach(() => {
    status = { leader: true, dryRun: false, rules: 1, problems: [], groups: [] };
  });

  async function next(stream: AsyncGenerator<string>): Promise<Update> {
    const event: unknown = (await stream.next()).value;
    return JSON.parse(String(event).replace(/^data: /, '')) as Update;
  }

  it('begins with everything, tells the status when it changes, and else the time every 5 s', async () => {
    const stream = eventStream({ board, status: () => status, clock: () => now++ }, 1);
    expect((await stream.next()).value).to.equal('retry: 2000\n\n');
    expect(await next(stream)).to.deep.equal({ now: 1000, first: true, status });
    expect(await next(stream)).to.deep.equal({ now: 1005 });
    status = { ...status, leader: false };
    expect(await next(stream)).to.deep.equal({ now: 1006, status });
    await stream.return(undefined);
  });

  it('is forgotten once its reader has gone', async () => {
    const stream = eventStream({ board, status: () => status, clock: () => now }, 1);
    await stream.next();
    expect(board.readers).to.equal(1);
    await stream.return(undefined);
    expect(board.readers).to.equal(0);
  });
});
