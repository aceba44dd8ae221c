import { once } from 'node:events';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { openRequest } from '../../../common/kubernetes-request.js';
import { errorMessage } from '../../../common/errors.js';

describe('a request to the Kubernetes API', () => {
  it('ends in time though the server accepts the connection and never says a word', async () => {
    const sockets: Socket[] = [];
    const server = createServer((socket) => sockets.push(socket));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    try {
      const { port } = server.address() as AddressInfo;
      const config = {
        getCurrentCluster: () => ({ server: `https://127.0.0.1:${port}` }),
        applyToHTTPSOptions: () => Promise.resolve(),
      };
      const { signal } = new AbortController();
      const request = { path: '/api/v1/pods', query: {}, signal, idleSeconds: 60, responseSeconds: 0.5 };
      const failed = openRequest(config, request).then(() => 'a response', errorMessage);
      // Node's time-out of a request begins anew while TLS shakes hands: twice the time.
      const first = await Promise.race([failed, sleep(950, 'nothing in time')]);
      expect(first).to.match(/cannot reach the Kubernetes API.*the server does not respond/);
    } finally {
      for (const socket of sockets) socket.destroy();
      server.close();
    }
  });
});
