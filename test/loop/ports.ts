import { createServer } from 'node:net';
import { errorCode, KernscaleError } from '../../common/errors.js';

const TRIES = 50;

/**
 * For each wanted port: the port itself if nobody listens on it, else the next free one above it; no two alike.
 *
 * @throws KernscaleError `PORT_BUSY` if none of the next 50 is free
 */
export async function freePorts(wanted: readonly number[]): Promise<number[]> {
  const chosen: number[] = [];
  for (const port of wanted) chosen.push(await freePort(port, chosen));
  return chosen;
}

async function freePort(wanted: number, taken: readonly number[]): Promise<number> {
  for (let port = wanted; port < wanted + TRIES; port++) {
    if (!taken.includes(port) && (await isFree(port))) return port;
  }
  throw new KernscaleError(
    'PORT_BUSY',
    `ports ${wanted} to ${wanted + TRIES - 1} are all busy; free one of them`,
  );
}

async function isFree(port: number): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once('error', (error) => {
      if (errorCode(error) === 'EADDRINUSE') resolve(false);
      else reject(error);
    });
    // Without a host: a listener on any one address makes the port busy for us.
    probe.listen({ port, exclusive: true }, () => {
      probe.close(() => {
        resolve(true);
      });
    });
  });
}
