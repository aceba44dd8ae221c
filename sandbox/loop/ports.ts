import { createServer, type Server } from 'node:net';
import { errorCode, KernscaleError } from '../../common/errors.js';

const TRIES = 50;
/** No program listens here; a listener here marks the port as in use for every other `reservePort`. */
const RESERVATION_HOST = '127.0.0.2';

export interface Reservation {
  /** Free on 127.0.0.1, and not given to any other caller of `reservePort`. */
  readonly port: number;
  readonly release: () => Promise<void>;
}

/**
 * Reserves the wanted port, or the next free one above it. The reservation bridges the seconds until the program that
 * it is for listens, so that two runs that start together get different ports.
 *
 * @throws KernscaleError `PORT_BUSY` if none of 50 ports is free
 */
export async function reservePort(wanted: number): Promise<Reservation> {
  for (let port = wanted; port < wanted + TRIES; port++) {
    // Without a host first: a listener on any address blocks the port.
    const probe = await listen(port);
    if (!probe) continue;
    await close(probe);
    const reserved = await listen(port, RESERVATION_HOST);
    if (reserved) return { port, release: () => close(reserved) };
  }
  throw new KernscaleError(
    'PORT_BUSY',
    `ports ${wanted} to ${wanted + TRIES - 1} are all in use; free one of them`,
  );
}

/** @returns undefined when the port is in use */
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
