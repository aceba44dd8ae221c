import { once } from 'node:events';
import { createServer, connect, type AddressInfo, type Server, type Socket } from 'node:net';

/** What may be wrong with a server, seen from its client. */
export const FAULTS = ['down', 'hangs', 'slow', 'garbage', 'cut', 'flaps'] as const;
export type Fault = (typeof FAULTS)[number];

const SLOW_MS = 3000;
const FLAP_MS = 1500;
/** Bytes of a response that still arrive where it is cut: its head, and a part of its body. */
const CUT_BYTES = 400;
const GARBAGE = 'HTTP/1.1 200 OK\r\nContent-Length: 21\r\n\r\n<html>sorry</html>\0\0\0';

/** A port that leads to another one, with or without a fault. It neither knows nor changes what is said. */
export class FaultProxy {
  #server: Server | undefined;
  #port = 0;
  #fault: Fault | undefined;
  readonly #sockets = new Set<Socket>();
  #flapping: NodeJS.Timeout | undefined;

  constructor(private readonly target: () => number) {}

  get port(): number {
    return this.#port;
  }

  async start(): Promise<void> {
    const server = createServer((client) => {
      this.#serve(client);
    });
    server.listen(this.#port, '127.0.0.1');
    await once(server, 'listening');
    this.#port = (server.address() as AddressInfo).port;
    this.#server = server;
  }

  /** Ends the connections that there are. @param fault undefined: none */
  async use(fault: Fault | undefined): Promise<void> {
    clearInterval(this.#flapping);
    this.#fault = fault;
    await this.#listen(fault !== 'down');
    this.#reset();
    if (fault !== 'flaps') return;
    let isUp = true;
    this.#flapping = setInterval(() => {
      isUp = !isUp;
      void this.#listen(isUp);
      this.#reset();
    }, FLAP_MS);
  }

  async stop(): Promise<void> {
    clearInterval(this.#flapping);
    const closed = this.#listen(false);
    this.#reset();
    await closed;
  }

  async #listen(isUp: boolean): Promise<void> {
    if (isUp && !this.#server) await this.start();
    else if (!isUp && this.#server) {
      this.#server.close();
      this.#server = undefined;
    }
  }

  #reset(): void {
    for (const socket of this.#sockets) socket.destroy();
    this.#sockets.clear();
  }

  #serve(client: Socket): void {
    this.#keep(client);
    if (this.#fault === 'hangs') return;
    if (this.#fault === 'garbage') {
      client.once('data', () => client.end(GARBAGE));
      return;
    }
    const server = this.#keep(connect(this.target(), '127.0.0.1'));
    client.pipe(server);
    client.once('close', () => server.destroy());
    server.once('close', () => client.destroy());
    if (this.#fault === 'cut') this.#cut(server, client);
    else if (this.#fault === 'slow') {
      server.on('data', (chunk: Buffer) => setTimeout(() => client.writable && client.write(chunk), SLOW_MS));
    } else server.pipe(client);
  }

  #cut(server: Socket, client: Socket): void {
    let left = CUT_BYTES;
    server.on('data', (chunk: Buffer) => {
      client.write(chunk.subarray(0, left));
      left -= chunk.length;
      if (left <= 0) client.destroySoon();
    });
  }

  #keep(socket: Socket): Socket {
    this.#sockets.add(socket);
    socket.once('close', () => this.#sockets.delete(socket));
    // A fault of one side is the other's to see.
    socket.on('error', () => socket.destroy());
    return socket;
  }
}
