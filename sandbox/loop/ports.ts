import { createServer, type Server } from 'node:net';
import { errorCode, KernscaleError } from '../../common/errors.js';

const TRIES = 50;
/** No program of ours listens here, but a listener here is what makes the port busy for everybody else's probe. */
const RESERVATION_HOST = '127.0.0.2';

export interface Reservation {
  /** Free on 127.0.0.1, and nobody else who asks this module is given it. */
  readonly port: number;
  readonly release: () => Promise<void>;
}

/**
 * The wanted port if nobody listens on it, else the next free one above it. It stays reserved, because the program
 * that it is for takes seconds to listen, and two runs that start together must not take each other's for theirs.
 *
 * @throws KernscaleError `PORT_BUSY` if none of the next 50 is free
 */
export async function reservePort(wanted: number): Promise<Reservation> {
  for (let port = wanted; port < wanted + TRIES; port++) {
    // Without a host first: a listener on any one address makes the port busy for us.
    const probe = await listen(port);
    if (!probe) continue;
    await close(probe);
    const reserved = await listen(port, RESERVATION_HOST);
    if (reserved) return { port, release: () => close(reserved) };
  }
  throw new KernscaleError(
    'PORT_BUSY',
    `ports ${wanted} to ${wanted + TRIES - 1} are all busy; free one of them`,
  );
}

/** @returns undefined when the port is busy */
async function listen(port: number, host?: string): Promise<Server | undefined> {
  const server = createServer((socket) => socket.destroy()).unref();
  return new Promise((resolve, reject) => {
    server.once('error', (error) => {
      if (errorCode(error) === 'EADDRINUSE') resolve(undefined);
      else reject(error);
    });
    server.listen({ port, exclusive: true, ...(host !== undefined && { host }) }, () => {
      resolve(server);
    });
  });
}

async function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => {
      resolve();
    });
  });
}
