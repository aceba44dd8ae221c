import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { Agent, request, type RequestOptions } from 'node:https';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { TLSSocket } from 'node:tls';
import bcrypt from 'bcryptjs';
import { expect } from 'chai';
import Koa from 'koa';
import { pino } from 'pino';
import { listen, type Listening } from '../../common/http.js';
import { loadWebConfig } from '../../common/web-config.js';
import { WebConfigFile } from '../../common/web-config-file.js';

const TLS = 'tls_server_config:\n  cert_file: server.crt\n  key_file: server.key\n';
const HASH = bcrypt.hashSync('secret', 4);
const USERS = `basic_auth_users:\n  ann: ${HASH}\n`;
/** Slow enough to tell a password that was checked from one that was remembered. */
const SLOW_ROUNDS = 12;

describe('--web.config.file', () => {
  let directory: string;
  let server: Listening | undefined;
  let logged: string[];
  const at = (name: string): string => path.join(directory, name);

  before(() => {
    directory = mkdtempSync(path.join(tmpdir(), 'kernscale-web-'));
    for (const name of ['server', 'renewed', 'client', 'stranger']) makeCertificate(name);
  });
  after(() => {
    rmSync(directory, { recursive: true });
  });
  beforeEach(() => {
    logged = [];
    server = undefined;
  });
  afterEach(() => server?.close());

  /** A certificate that is its own authority. */
  function makeCertificate(name: string): void {
    const options =
      'req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 1 -addext subjectAltName=IP:127.0.0.1';
    const files = ['-subj', `/CN=${name}`, '-keyout', at(`${name}.key`), '-out', at(`${name}.crt`)];
    execFileSync('openssl', [...options.split(' '), ...files], { stdio: 'pipe' });
  }

  function write(text: string): string {
    writeFileSync(at('web.yaml'), text);
    return at('web.yaml');
  }

  async function serve(text: string): Promise<string> {
    const log = pino({ level: 'info' }, { write: (line) => logged.push(line) });
    const app = new Koa().use((context) => (context.body = 'metrics'));
    server = await listen(app, ['127.0.0.1:0'], new WebConfigFile(write(text), log));
    return server.urls[0]!;
  }

  const status = async (url: string, credentials?: string): Promise<number> => {
    const headers = credentials === undefined ? {} : { authorization: `Basic ${btoa(credentials)}` };
    return (await fetch(url, { headers })).status;
  };

  /** Who answers over TLS; rejects when the server does not want this client. */
  async function peer(url: string, options: RequestOptions = {}): Promise<{ name: string; version: string }> {
    return new Promise((resolve, reject) => {
      const sent = request(url, { rejectUnauthorized: false, agent: false, ...options }, (response) => {
        const socket = response.socket as TLSSocket;
        const name = String(socket.getPeerCertificate().subject.CN);
        response.resume().on('end', () => {
          resolve({ name, version: socket.getProtocol()! });
        });
      });
      sent.on('error', reject).end();
    });
  }
  const refused = async (url: string, options: RequestOptions): Promise<boolean> =>
    peer(url, options).then(
      () => false,
      () => true,
    );
  const withCertificate = (name: string): RequestOptions => ({
    cert: readFileSync(at(`${name}.crt`)),
    key: readFileSync(at(`${name}.key`)),
  });

  it('lets in the users it names, with their passwords, on every path', async () => {
    const url = await serve(USERS);
    expect(await status(`${url}/metrics`)).to.equal(401);
    expect(await status(`${url}/-/healthy`)).to.equal(401);
    expect(await status(url, 'ann:wrong')).to.equal(401);
    expect(await status(url, 'bob:secret')).to.equal(401);
    expect(await status(url, 'ann')).to.equal(401);
    expect(await status(url, 'ann:secret')).to.equal(200);
    expect((await fetch(url)).headers.get('www-authenticate')).to.equal('Basic');
  });

  it('pays for a password once, and never takes a wrong one for a remembered one', async () => {
    const url = await serve(`basic_auth_users: {ann: ${bcrypt.hashSync('secret', SLOW_ROUNDS)}}`);
    const first = await milliseconds(() => status(url, 'ann:secret'));
    let again = 0;
    for (let i = 0; i < 5; i++) again += await milliseconds(() => status(url, 'ann:secret'));
    expect(again).to.be.lessThan(first);
    expect(await status(url, 'ann:secret2')).to.equal(401);
  });

  it('does not tell by its time whether a user exists', async () => {
    const url = await serve(`basic_auth_users: {ann: ${bcrypt.hashSync('secret', SLOW_ROUNDS)}}`);
    const known = await milliseconds(() => status(url, 'ann:wrong'));
    expect(await milliseconds(() => status(url, 'eve:wrong'))).to.be.greaterThan(known / 3);
  });

  it('takes up new users, and keeps the old ones while the file is not good', async () => {
    const url = await serve(USERS);
    write(`basic_auth_users:\n  robert: ${HASH}\n`);
    expect(await status(url, 'ann:secret')).to.equal(401);
    expect(await status(url, 'robert:secret')).to.equal(200);
    write('basic_auth_users: [');
    expect(await status(url, 'robert:secret')).to.equal(200);
    expect(await status(url, 'robert:secret')).to.equal(200);
    expect(logged.filter((line) => line.includes('"level":50') || line.includes('not good'))).to.have.length(
      1,
    );
    write(TLS);
    expect(await status(url, 'robert:secret')).to.equal(200);
    expect(logged.at(-1)).to.include('restart');
  });

  it('speaks TLS 1.2 and newer only, or as told, and takes up a renewed certificate', async () => {
    const url = await serve(TLS);
    expect(url).to.match(/^https:/);
    expect(await peer(url)).to.deep.equal({ name: 'server', version: 'TLSv1.3' });
    expect((await peer(url, { maxVersion: 'TLSv1.2' })).version).to.equal('TLSv1.2');
    expect(await refused(url, { minVersion: 'TLSv1', maxVersion: 'TLSv1.1' })).to.equal(true);
    write(TLS.replaceAll('server.', 'renewed.') + '  min_version: TLS13\n');
    expect(await peer(url)).to.deep.equal({ name: 'renewed', version: 'TLSv1.3' });
    expect(await refused(url, { maxVersion: 'TLSv1.2' })).to.equal(true);
    copyFileSync(at('client.crt'), at('renewed.crt'));
    expect((await peer(url)).name, 'a certificate whose key is not there yet').to.equal('renewed');
    copyFileSync(at('client.key'), at('renewed.key'));
    expect((await peer(url)).name).to.equal('client');
    makeCertificate('renewed');
  });

  const mutual = (type: string, ca?: string): string =>
    `${TLS}  client_auth_type: ${type}\n${ca === undefined ? '' : `  client_ca_file: ${ca}.crt\n`}`;
  /** Whether a client without, with a good and with an unknown certificate may come. */
  const CLIENTS: Record<string, [none: boolean, good: boolean, stranger: boolean]> = {
    NoClientCert: [true, true, true],
    RequestClientCert: [true, true, true],
    RequireAnyClientCert: [false, true, true],
    VerifyClientCertIfGiven: [true, true, false],
    RequireAndVerifyClientCert: [false, true, false],
  };
  for (const [type, [none, good, stranger]] of Object.entries(CLIENTS)) {
    it(`tells clients apart by certificate: ${type}`, async () => {
      const url = await serve(mutual(type, type.includes('Verify') ? 'client' : undefined));
      expect(!(await refused(url, {})), 'none').to.equal(none);
      expect(!(await refused(url, withCertificate('client'))), 'good').to.equal(good);
      expect(!(await refused(url, withCertificate('stranger'))), 'stranger').to.equal(stranger);
    });
  }

  it('trusts another client authority as soon as it is told', async () => {
    const url = await serve(mutual('RequireAndVerifyClientCert', 'client'));
    expect(await refused(url, withCertificate('stranger'))).to.equal(true);
    write(mutual('RequireAndVerifyClientCert', 'stranger'));
    expect(await refused(url, withCertificate('stranger'))).to.equal(false);
    expect(await refused(url, withCertificate('client'))).to.equal(true);
  });

  it('stops within a second of being told to, whatever silent clients do', async () => {
    const url = new URL(await serve(TLS));
    const silent = connect(Number(url.port), '127.0.0.1');
    await once(silent, 'connect');
    const agent = new Agent({ keepAlive: true });
    await peer(url.href, { agent });
    const ended = once(silent, 'close');
    expect(await milliseconds(() => server!.close())).to.be.lessThan(1000);
    await ended;
    agent.destroy();
    server = undefined;
  });

  it('adds the headers it is told to', async () => {
    const url = await serve('http_server_config: {headers: {X-Frame-Options: deny}}');
    expect((await fetch(url)).headers.get('x-frame-options')).to.equal('deny');
  });

  it('serves everybody by an empty file', async () => {
    expect(await status(await serve('# nothing yet\n'))).to.equal(200);
  });

  const WRONG: Record<string, [text: string, error: RegExp]> = {
    'an unknown field': [`${TLS}  cert_fle: x\n`, /web\.yaml:4:3: unknown field "cert_fle"/],
    'a field of another level': ['cert_file: x\n', /web\.yaml:1:1: unknown field "cert_file" in the file/],
    'a password that is no hash': ['basic_auth_users:\n  ann: secret\n', /:2:3: .*not a bcrypt hash/],
    'broken YAML': ['a: b: c\n', /web\.yaml:1:\d+: /],
    'a missing key': ['tls_server_config:\n  cert_file: server.crt\n', /:1:1: tls_server_config\.key_file/],
    'a file that is not there': [TLS.replace('server.key', 'gone.key'), /:3:3: cannot be read.*gone\.key/],
    'a key of another certificate': [TLS.replace('server.key', 'client.key'), /:1:1: .*cannot be used/],
    'a version Go does not know': [`${TLS}  min_version: TLSv1.2\n`, /:4:3: .*min_version/],
    'verifying against nothing': [mutual('RequireAndVerifyClientCert'), /:4:3: .*needs a client_ca_file/],
    'an authority for nothing': [mutual('NoClientCert', 'client'), /:5:3: .*no effect/],
  };
  for (const [what, [text, error]] of Object.entries(WRONG)) {
    it(`refuses ${what}, and says where it is`, () => {
      expect(() => loadWebConfig(write(text)))
        .to.throw(error)
        .with.property('code', 'WEB_CONFIG_INVALID');
    });
  }
});

async function milliseconds(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return performance.now() - start;
}
