/*
 * What a client counts itself, and what all programs share. A server prints `ready PORT`; a client prints `ready 0`, waits
 * for a line, runs, prints its truth as one line of JSON, and stays, idle. With DELAY_EVERY=N one message in N, the tenth
 * first, is sent in two halves 3 ms apart.
 */
import { Duplex } from 'node:stream';
import net from 'node:net';
import { createInterface } from 'node:readline';

const EVERY = Number(process.env.DELAY_EVERY ?? 0);
const FIRST = 10;
const DELAY_MS = 3;

export const [mode, ...pairs] = process.argv.slice(2);
/** `key=value` arguments, numbers where they look like one. */
export const args = Object.fromEntries(
  pairs.map((pair) => {
    const [key, value] = pair.split('=');
    return [key, Number.isNaN(Number(value)) ? value : Number(value)];
  }),
);

let sent = 0;
const isDelayed = (bytes) => EVERY > 0 && ++sent % EVERY === FIRST % EVERY && bytes.length > 1;

/** Node's own writing of a socket, TLS or not: `writev` tells whether the data are several chunks. */
const write = net.Socket.prototype._writeGeneric;
if (EVERY > 0)
  net.Socket.prototype._writeGeneric = function (writev, data, encoding, done) {
    if (this.connecting || this.remotePort === undefined)
      return write.call(this, writev, data, encoding, done);
    const bytes = writev
      ? Buffer.concat(data.map(({ chunk, encoding }) => Buffer.from(chunk, encoding)))
      : Buffer.from(data, encoding);
    if (!isDelayed(bytes)) return write.call(this, writev, data, encoding, done);
    const half = bytes.length >> 1;
    write.call(this, false, bytes.subarray(0, half), 'buffer', (error) => {
      if (error) done(error);
      else setTimeout(() => write.call(this, false, bytes.subarray(half), 'buffer', done), DELAY_MS);
    });
  };

/** HTTP/2 writes to a socket of Node past JavaScript, but not to one of ours. */
export function delayable(socket) {
  if (EVERY === 0) return socket;
  const stream = new Duplex({
    read: () => socket.resume(),
    write: (chunk, encoding, done) => socket.write(chunk, encoding, done),
    final: (done) => socket.end(done),
  });
  socket.on('data', (data) => stream.push(data) || socket.pause());
  socket.on('end', () => stream.push(null));
  socket.on('error', (error) => stream.destroy(error));
  return stream;
}

export const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

export class Truth {
  waits = [];
  abandoned = 0;
  login = 0;
  #due = 0;
  #outstanding = 0;
  #since = 0;

  /** To be called after a request is sent. Returns the time. */
  sent() {
    const now = performance.now();
    if (this.#outstanding++ === 0) this.#since = now;
    return now;
  }

  answered(sent) {
    this.waits.push((this.#over() - sent) / 1000);
  }

  givenUp() {
    this.abandoned++;
    this.#over();
  }

  /** Times one request. */
  async ask(request) {
    const sent = this.sent();
    const answer = await request();
    this.answered(sent);
    return answer;
  }

  /** Times what comes before the first request. */
  async logIn(connect) {
    const start = performance.now();
    const connected = await connect();
    this.login += (performance.now() - start) / 1000;
    return connected;
  }

  #over() {
    const now = performance.now();
    if (--this.#outstanding === 0) this.#due += (now - this.#since) / 1000;
    return now;
  }

  report(wall) {
    const waits = this.waits.sort((a, b) => a - b);
    return {
      n: waits.length,
      sum: waits.reduce((sum, wait) => sum + wait, 0),
      p50: waits[waits.length >> 1] ?? 0,
      due: this.#due,
      wall,
      abandoned: this.abandoned,
      login: this.login,
    };
  }
}

export const ready = (port = 0) => process.stdout.write(`ready ${port}\n`);

/** Listens on a free port and says which. */
export const listen = (server) => server.listen(0, '127.0.0.1', () => ready(server.address().port));

/** Runs a client that is given its truth to fill. */
export async function run(client) {
  ready();
  const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
  await lines.next();
  const truth = new Truth();
  const start = performance.now();
  await client(truth);
  process.stdout.write(`${JSON.stringify(truth.report((performance.now() - start) / 1000))}\n`);
  await lines.next();
}

/** Runs `count` requests, `flight` of them at once. */
export async function times(count, flight, request) {
  for (let done = 0; done < count; done += flight)
    await Promise.all(Array.from({ length: Math.min(flight, count - done) }, () => request()));
}
