import { createServer, type Server } from 'node:net';
import { expect } from 'chai';
import { reservePort } from '../../../../sandbox/loop/ports.js';

/** Outside the kernel's range of ephemeral ports. */
const WANTED = 21_300;

async function listenOn(port: number, host: string): Promise<Server> {
  const server = createServer();
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
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

describe('ports of the loop', () => {
  it('gives simultaneous callers different ports', async () => {
    const reservations = await Promise.all(Array.from({ length: 8 }, () => reservePort(WANTED)));
    try {
      expect(new Set(reservations.map(({ port }) => port))).to.have.length(8);
    } finally {
      await Promise.all(reservations.map((reservation) => reservation.release()));
    }
  });

  it('leaves the port free on 127.0.0.1 for its program', async () => {
    const reservation = await reservePort(WANTED);
    try {
      await close(await listenOn(reservation.port, '127.0.0.1'));
    } finally {
      await reservation.release();
    }
  });

  it('skips a port that is in use, and reserves it once it is free', async () => {
    const first = await reservePort(WANTED);
    await first.release();
    const squatter = await listenOn(first.port, '127.0.0.1');
    const second = await reservePort(WANTED);
    await close(squatter);
    const third = await reservePort(WANTED);
    await Promise.all([second.release(), third.release()]);
    expect(second.port).to.be.greaterThan(first.port);
    expect(third.port).to.equal(first.port);
  });
});
