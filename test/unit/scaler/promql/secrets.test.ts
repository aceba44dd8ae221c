import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect } from 'chai';
import { PrometheusClient } from '../../../../scaler/promql/client.js';
import type { HttpConfig } from '../../../../scaler/promql/http-config.js';

const EMPTY = '{"status":"success","data":{"resultType":"vector","result":[]}}';
/** More than run at once. */
const QUERIES = Array.from({ length: 20 }, (_, index) => `up{n="${index}"}`);

describe('the secrets of a query', () => {
  let directory: string;
  let server: Server;
  let client: PrometheusClient;

  beforeEach(async () => {
    directory = mkdtempSync(path.join(tmpdir(), 'kernscale-'));
    server = createServer((_request, response) => response.end(EMPTY));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
  });

  afterEach(async () => {
    await client.close();
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
    rmSync(directory, { recursive: true });
  });

  function connect(http: HttpConfig, timeout = 10): void {
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    client = new PrometheusClient({ url, timeout, http });
  }

  const queryAll = () => Promise.all(QUERIES.map((expr) => client.query(expr, 1)));

  it('fail each query with the reason while a token holds what no header may hold, until it is repaired', async () => {
    const token = path.join(directory, 'token');
    connect({ authorization: { credentials_file: token } });
    for (const broken of ['half a\ntoken', 'tok\u0000en', 'tökén…']) {
      writeFileSync(token, broken);
      const message = `the header authorization has a character that no header may hold; repair ${token}`;
      for (const result of await queryAll()) {
        expect(result).to.deep.equal({ ok: false, failure: 'unauthorized', message });
      }
    }
    writeFileSync(token, 'whole\n');
    for (const result of await queryAll()) expect(result.ok).to.equal(true);
  });

  const headers: [what: string, name: string, value: string][] = [
    ['value outside Latin-1', 'x-tenant', 'shop…'],
    ['value with a newline', 'x-tenant', 'a\r\nb'],
    ['name', 'x tenant', 'shop'],
  ];
  for (const [what, name, value] of headers) {
    it(`fail each query with the reason for a header's ${what}`, async () => {
      connect({ http_headers: { [name]: { values: [value] } } });
      for (const result of await queryAll()) {
        expect(result).to.include({ ok: false, failure: 'unauthorized' });
        expect(result).to.have.property('message').that.includes(`the header ${name} has a character`);
      }
    });
  }

  it('fail each query in time while their file is on a disk that hangs', async () => {
    const token = path.join(directory, 'token');
    execFileSync('mkfifo', [token]);
    connect({ authorization: { credentials_file: token } }, 0.2);
    try {
      expect(await client.query('up', 1)).to.include({ failure: 'timeout' });
      expect(await client.query('up', 2)).to.include({ failure: 'timeout' });
    } finally {
      // Ends the two reads.
      for (const write of await Promise.all([open(token, 'r+'), open(token, 'r+')])) await write.close();
    }
  });
});
