import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { once } from 'node:events';

const HEADER_BYTES = 12;
const RESPONSE = 0x8180;
const NO_SUCH_NAME = 0x8183;
const TYPE_A = 1;
/** A pointer to the name in the question, type A, class IN, no time to live, four bytes: 127.0.0.1. */
const ANSWER = Buffer.from([0xc0, 0x0c, 0, TYPE_A, 0, 1, 0, 0, 0, 0, 0, 4, 127, 0, 0, 1]);

/** A name server (RFC 1035) by which every name is this machine, unless it knows none, or says nothing. */
export class NameServer {
  fault: 'unknown name' | 'hangs' | undefined;
  readonly #socket: Socket = createSocket('udp4', (question, client) => {
    this.#answer(question, client);
  });

  /** @param address of the loopback network, of which the port 53 is free */
  async start(address: string): Promise<void> {
    this.#socket.bind(53, address);
    await once(this.#socket, 'listening');
  }

  async stop(): Promise<void> {
    this.#socket.close();
    await once(this.#socket, 'close');
  }

  #answer(query: Buffer, client: RemoteInfo): void {
    if (this.fault === 'hangs') return;
    const end = query.indexOf(0, HEADER_BYTES) + 5;
    const isForAddress = this.fault === undefined && query.readUInt16BE(end - 4) === TYPE_A;
    const header = Buffer.alloc(HEADER_BYTES);
    header.writeUInt16BE(query.readUInt16BE(0), 0);
    header.writeUInt16BE(this.fault ? NO_SUCH_NAME : RESPONSE, 2);
    header.writeUInt16BE(1, 4);
    header.writeUInt16BE(isForAddress ? 1 : 0, 6);
    const parts = [header, query.subarray(HEADER_BYTES, end), ...(isForAddress ? [ANSWER] : [])];
    this.#socket.send(Buffer.concat(parts), client.port, client.address);
  }
}
