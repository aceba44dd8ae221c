import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import type { IncomingHttpHeaders } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { TLSSocket } from 'node:tls';
import { expect } from 'chai';
import { PrometheusClient } from '../../../../scaler/promql/client.js';
import { loadHttpConfig } from '../../../../scaler/promql/http-config.js';

const EMPTY = '{"status":"success","data":{"resultType":"vector","result":[]}}';

/** Against a real server that requests client certificates, with a configuration file as users write it. */
describe('--prometheus.config.file', () => {
  let directory: string;
  let server: Server;
  let url: string;
  let seen: { client: string | undefined; headers: IncomingHttpHeaders }[];
  const clients: PrometheusClient[] = [];
  const at = (name: string): string => path.join(directory, name);

  before(() => {
    directory = mkdtempSync(path.join(tmpdir(), 'kernscale-tls-'));
    for (const name of ['server', 'client', 'renewed']) makeCertificate(name);
  });
  after(() => {
    rmSync(directory, { recursive: true });
  });
  beforeEach(async () => {
    seen = [];
    const options = {
      cert: readFileSync(at('server.crt')),
      key: readFileSync(at('server.key')),
      ca: [readFileSync(at('client.crt')), readFileSync(at('renewed.crt'))],
      requestCert: true,
      rejectUnauthorized: false,
    };
    server = createServer(options, (request, response) => {
      const socket = request.socket as TLSSocket;
      const name = socket.authorized ? String(socket.getPeerCertificate().subject.CN) : undefined;
      seen.push({ client: name, headers: request.headers });
      response.end(EMPTY);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    url = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterEach(async () => {
    await Promise.all(clients.splice(0).map((client) => client.close()));
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });

  /** Creates a self-signed certificate. */
  function makeCertificate(name: string): void {
    const options =
      'req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 1 -addext subjectAltName=IP:127.0.0.1';
    const files = ['-subj', `/CN=${name}`, '-keyout', at(`${name}.key`), '-out', at(`${name}.crt`)];
    execFileSync('openssl', [...options.split(' '), ...files], { stdio: 'pipe' });
  }

  function client(text: string): PrometheusClient {
    writeFileSync(at('http.yaml'), text);
    const made = new PrometheusClient({ url, timeout: 2, http: loadHttpConfig(at('http.yaml')) });
    clients.push(made);
    return made;
  }

  it('trusts the CA it names, and no other', async () => {
    expect(await client('').query('up', 1)).to.include({ ok: false, failure: 'unreachable' });
    expect((await client('tls_config: {ca_file: server.crt}').query('up', 1)).ok).to.equal(true);
    expect(await client('tls_config: {ca_file: client.crt}').query('up', 1)).to.include({ ok: false });
    expect((await client('tls_config: {insecure_skip_verify: true}').query('up', 1)).ok).to.equal(true);
  });

  it('sends the client certificate, and a renewed one without a restart', async () => {
    for (const end of ['crt', 'key']) copyFileSync(at(`client.${end}`), at(`mine.${end}`));
    const mine = client('tls_config: {ca_file: server.crt, cert_file: mine.crt, key_file: mine.key}');
    await mine.query('up', 1);
    for (const end of ['crt', 'key']) copyFileSync(at(`renewed.${end}`), at(`mine.${end}`));
    await mine.query('up', 1);
    expect(seen.map((request) => request.client)).to.deep.equal(['client', 'renewed']);
  });

  it('sends credentials and headers from files, read again for every query', async () => {
    const tls = 'tls_config: {ca_file: server.crt}\n';
    const basic = client(`${tls}basic_auth: {username: ann, password_file: password}`);
    const tenant = client(`${tls}http_headers: {X-Scope-OrgID: {files: [tenant]}}`);
    for (const secret of ['one', 'two']) {
      writeFileSync(at('password'), `${secret}\n`);
      writeFileSync(at('tenant'), `${secret}\n`);
      await basic.query('up', 1);
      await tenant.query('up', 1);
    }
    expect(seen.map(({ headers }) => headers.authorization ?? headers['x-scope-orgid'])).to.deep.equal([
      `Basic ${btoa('ann:one')}`,
      'one',
      `Basic ${btoa('ann:two')}`,
      'two',
    ]);
  });

  const rejected: [text: string, message: RegExp][] = [
    ['basic_auth: {username: a, password: b}\nauthorization: {credentials: c}', /mutually exclusive/],
    ['tls_config: {cert_file: a.crt}', /both cert_file and key_file/],
    ['basic_auth: {username: a}', /either password or password_file/],
    ['tls_confg: {}', /http\.yaml:1:1: unknown field "tls_confg"; did you mean "tls_config"\?/],
    ['tls_config: {min_version: SSL3}', /http\.yaml:1:27: tls_config\.min_version must be/],
    ['- a', /http\.yaml:1:1: the file must be a mapping/],
  ];
  for (const [text, message] of rejected) {
    it(`is rejected, with its position: ${text.replace('\n', '; ')}`, () => {
      expect(() => client(text))
        .to.throw(message)
        .with.property('code', 'HTTP_CONFIG');
    });
  }
});
