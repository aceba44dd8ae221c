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
import { listen, type Listening } from '../../../common/http.js';
import { loadWebConfig, WebConfigFile } from '../../../common/web-config.js';

/** For so long Node.js keeps a connection without a request. */
const KEEP_ALIVE_MS = 5000;
const TLS = 'tls_server_config:\n  cert_file: server.crt\n  key_file: server.key\n';
const HASH = bcrypt.hashSync('secret', 4);
const SUITES = 'TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256';
const USERS = `basic_auth_users:\n  ann: ${HASH}\n`;

interface Peer {
  readonly name: string;
  readonly version: string;
  readonly cipher: string;
}

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

  /** Writes a self-signed certificate. */
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

  /** Certificate name, TLS version and cipher of the server; rejects if the server refuses the client. */
  async function peer(url: string, options: RequestOptions = {}): Promise<Peer> {
    return new Promise((resolve, reject) => {
      const sent = request(url, { rejectUnauthorized: false, agent: false, ...options }, (response) => {
        const socket = response.socket as TLSSocket;
        const name = String(socket.getPeerCertificate().subject.CN);
        const [version, cipher] = [socket.getProtocol()!, socket.getCipher().name];
        response.resume().on('end', () => {
          resolve({ name, version, cipher });
        });
      });
      sent.on('error', reject).end();
    });
  }
  const cipherOf = async (url: string, options: RequestOptions = {}) => (await peer(url, options)).cipher;
  const refused = async (url: string, options: RequestOptions): Promise<boolean> =>
    peer(url, options).then(
      () => false,
      () => true,
    );
  const withCertificate = (name: string): RequestOptions => ({
    cert: readFileSync(at(`${name}.crt`)),
    key: readFileSync(at(`${name}.key`)),
  });

  it('admits the listed users with their passwords, on every path', async () => {
    const url = await serve(USERS);
    expect(await status(`${url}/metrics`)).to.equal(401);
    expect(await status(`${url}/-/healthy`)).to.equal(401);
    expect(await status(url, 'ann:wrong')).to.equal(401);
    expect(await status(url, 'bob:secret')).to.equal(401);
    expect(await status(url, 'ann')).to.equal(401);
    expect(await status(url, 'ann:secret')).to.equal(200);
    expect((await fetch(url)).headers.get('www-authenticate')).to.equal('Basic');
  });

  describe('the work of a password check', () => {
    const { compare } = bcrypt;
    let completed: [password: string, hash: string][];
    beforeEach(() => {
      completed = [];
      bcrypt.compare = async (password, hash) => {
        const matches = await compare(password, hash);
        completed.push([password, hash]);
        return matches;
      };
    });
    afterEach(() => {
      bcrypt.compare = compare;
    });

    it('is done once for a correct password, and again for a wrong one', async () => {
      const url = await serve(USERS);
      for (let i = 0; i < 6; i++) expect(await status(url, 'ann:secret')).to.equal(200);
      expect(completed).to.deep.equal([['secret', HASH]]);
      expect(await status(url, 'ann:secret2')).to.equal(401);
      expect(completed).to.have.length(2);
    });

    it('is the same for unknown users, and done before the response', async () => {
      const url = await serve(USERS);
      expect(await status(url, 'ann:wrong')).to.equal(401);
      expect(completed).to.deep.equal([['wrong', HASH]]);
      expect(await status(url, 'eve:wrong')).to.equal(401);
      expect(completed).to.deep.equal([
        ['wrong', HASH],
        ['wrong', HASH],
      ]);
    });
  });

  it('loads new users, and keeps the previous ones while the file is invalid', async () => {
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

  it('speaks TLS 1.2 and newer by default, and loads a renewed certificate', async () => {
    const url = await serve(TLS);
    expect(url).to.match(/^https:/);
    expect(await peer(url)).to.include({ name: 'server', version: 'TLSv1.3' });
    expect((await peer(url, { maxVersion: 'TLSv1.2' })).version).to.equal('TLSv1.2');
    expect(await refused(url, { minVersion: 'TLSv1', maxVersion: 'TLSv1.1' })).to.equal(true);
    write(TLS.replaceAll('server.', 'renewed.') + '  min_version: TLS13\n');
    expect(await peer(url)).to.include({ name: 'renewed', version: 'TLSv1.3' });
    expect(await refused(url, { maxVersion: 'TLSv1.2' })).to.equal(true);
    copyFileSync(at('client.crt'), at('renewed.crt'));
    expect((await peer(url)).name, 'a certificate whose key is not there yet').to.equal('renewed');
    copyFileSync(at('client.key'), at('renewed.key'));
    expect((await peer(url)).name).to.equal('client');
    makeCertificate('renewed');
  });

  const mutual = (type: string, ca?: string): string =>
    `${TLS}  client_auth_type: ${type}\n${ca === undefined ? '' : `  client_ca_file: ${ca}.crt\n`}`;
  /** Clients that the server accepts: without a certificate, with a good one, with an unknown one. */
  const CLIENTS: Record<string, [none: boolean, good: boolean, stranger: boolean]> = {
    NoClientCert: [true, true, true],
    RequestClientCert: [true, true, true],
    RequireAnyClientCert: [false, true, true],
    VerifyClientCertIfGiven: [true, true, false],
    RequireAndVerifyClientCert: [false, true, false],
  };
  for (const [type, [none, good, stranger]] of Object.entries(CLIENTS)) {
    it(`checks the certificate of clients: ${type}`, async () => {
      const url = await serve(mutual(type, type.includes('Verify') ? 'client' : undefined));
      expect(!(await refused(url, {})), 'none').to.equal(none);
      expect(!(await refused(url, withCertificate('client'))), 'good').to.equal(good);
      expect(!(await refused(url, withCertificate('stranger'))), 'stranger').to.equal(stranger);
    });
  }

  it('trusts a new client authority at once', async () => {
    const url = await serve(mutual('RequireAndVerifyClientCert', 'client'));
    expect(await refused(url, withCertificate('stranger'))).to.equal(true);
    write(mutual('RequireAndVerifyClientCert', 'stranger'));
    expect(await refused(url, withCertificate('stranger'))).to.equal(false);
    expect(await refused(url, withCertificate('client'))).to.equal(true);
  });

  it('stops without waiting for silent clients', async () => {
    const url = new URL(await serve(TLS));
    const silent = connect(Number(url.port), '127.0.0.1');
    await once(silent, 'connect');
    const agent = new Agent({ keepAlive: true });
    await peer(url.href, { agent });
    const ended = once(silent, 'close');
    const begin = performance.now();
    await server!.close();
    expect(performance.now() - begin).to.be.lessThan(KEEP_ALIVE_MS);
    await ended;
    agent.destroy();
    server = undefined;
  });

  it('adds the configured headers', async () => {
    const url = await serve(
      'http_server_config: {http2: false, headers: {X-Frame-Options: deny, X-XSS-Protection: ""}}',
    );
    const { headers } = await fetch(url);
    expect(headers.get('x-frame-options')).to.equal('deny');
    expect(headers.has('x-xss-protection')).to.equal(false);
  });

  it('accepts certificates, keys and authorities in the file itself', async () => {
    const inline = (name: string, file: string) =>
      `  ${name}: |\n${readFileSync(at(file), 'utf8').replace(/^/gm, '    ').trimEnd()}\n`;
    const all = [
      inline('cert', 'server.crt'),
      inline('key', 'server.key'),
      inline('client_ca', 'client.crt'),
    ];
    const url = await serve(
      `tls_server_config:\n${all.join('')}  client_auth_type: RequireAndVerifyClientCert\n`,
    );
    expect((await peer(url, withCertificate('client'))).name).to.equal('server');
    expect(await refused(url, withCertificate('stranger'))).to.equal(true);
  });

  it('offers the configured cipher suites and curves, by their names in Go', async () => {
    const url = await serve(`${TLS}  cipher_suites: [${SUITES}]\n  curve_preferences: [CurveP384, X25519]\n`);
    const at12 = { maxVersion: 'TLSv1.2' } as const;
    expect(await cipherOf(url, at12)).to.equal('ECDHE-ECDSA-AES256-GCM-SHA384');
    const reversed = 'ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-ECDSA-AES256-GCM-SHA384';
    expect(await cipherOf(url, { ...at12, ciphers: reversed }), 'the server’s order counts').to.equal(
      'ECDHE-ECDSA-AES256-GCM-SHA384',
    );
    expect(await refused(url, { ...at12, ciphers: 'ECDHE-ECDSA-AES128-GCM-SHA256' })).to.equal(true);
    expect(await cipherOf(url), 'TLS 1.3 has its own').to.match(/^TLS_/);
    expect(await refused(url, { ecdhCurve: 'P-256' })).to.equal(true);
    expect(await refused(url, { ecdhCurve: 'P-384' })).to.equal(false);
  });

  it('uses the cipher preference of the client if configured', async () => {
    const url = await serve(`${TLS}  cipher_suites: [${SUITES}]\n  prefer_server_cipher_suites: false\n`);
    const ciphers = 'ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-ECDSA-AES256-GCM-SHA384';
    expect(await cipherOf(url, { maxVersion: 'TLSv1.2', ciphers })).to.equal('ECDHE-ECDSA-CHACHA20-POLY1305');
  });

  it('requires one of the configured names in a client’s certificate', async () => {
    const only = (...names: string[]) =>
      `${mutual('RequireAndVerifyClientCert', 'client')}  client_allowed_sans: [${names.join()}]\n`;
    const url = await serve(only('prometheus.example', '127.0.0.1'));
    expect(await refused(url, withCertificate('client'))).to.equal(false);
    write(only('prometheus.example'));
    expect(await refused(url, withCertificate('client'))).to.equal(true);
    expect(await refused(url, {})).to.equal(true);
  });

  it('limits the rate of requests', async () => {
    const url = await serve('rate_limit: {interval: 1h, burst: 2}');
    const statuses = [];
    for (let i = 0; i < 4; i++) statuses.push(await status(url));
    expect(statuses).to.deep.equal([200, 200, 429, 429]);
    write('rate_limit: {interval: 0}');
    expect(await status(url)).to.equal(200);
  });

  it('ignores an empty section', async () => {
    const url = await serve('tls_server_config:\nhttp_server_config:\nbasic_auth_users:\nrate_limit:\n');
    expect(url).to.match(/^http:/);
    expect(await status(url)).to.equal(200);
  });

  it('admits everyone with an empty file', async () => {
    expect(await status(await serve('# nothing yet\n'))).to.equal(200);
  });

  const WRONG: Record<string, [text: string, error: RegExp]> = {
    'an unknown field': [`${TLS}  cert_fle: x\n`, /web\.yaml:4:3: unknown field "cert_fle"/],
    'a field of another level': ['cert_file: x\n', /web\.yaml:1:1: unknown field "cert_file" in the file/],
    'a password that is no hash': ['basic_auth_users:\n  ann: secret\n', /:2:3: .*not a bcrypt hash/],
    'broken YAML': ['a: b: c\n', /web\.yaml:1:\d+: /],
    'a missing key': ['tls_server_config:\n  cert_file: server.crt\n', /:1:1: tls_server_config\.key_file/],
    'a file that is not there': [
      TLS.replace('server.key', 'gone.key'),
      /:3:3: cannot read the file.*gone\.key/,
    ],
    'a key of another certificate': [
      TLS.replace('server.key', 'client.key'),
      /:1:1: cannot use the certificate/,
    ],
    'a version Go does not know': [`${TLS}  min_version: TLSv1.2\n`, /:4:3: .*min_version/],
    'verifying against nothing': [mutual('RequireAndVerifyClientCert'), /:4:3: .*needs a client_ca_file/],
    'an authority for nothing': [mutual('NoClientCert', 'client'), /:5:3: .*no effect/],
    'a certificate given twice': [`${TLS}  cert: x\n`, /:2:3: give either cert or cert_file, not both/],
    'names of clients that need none': [
      `${TLS}  client_allowed_sans: [a]\n`,
      /:4:3: .*no effect.*NoClientCert/,
    ],
    'a cipher suite Go calls insecure': [
      `${TLS}  cipher_suites: [TLS_RSA_WITH_AES_128_CBC_SHA]\n`,
      /:4:19: .*cipher_suites/,
    ],
    'an unknown curve': [`${TLS}  curve_preferences: [P-256]\n`, /:4:23: .*curve_preferences/],
    'a header with an unknown value': [
      'http_server_config: {headers: {X-Frame-Options: maybe}}',
      /:1:\d+: .*X-Frame-Options/,
    ],
    'an interval without a unit': ['rate_limit: {interval: "5"}', /:1:14: .*"5" is not a duration/],
  };
  for (const [what, [text, error]] of Object.entries(WRONG)) {
    it(`rejects ${what}, with its position`, () => {
      expect(() => loadWebConfig(write(text)))
        .to.throw(error)
        .with.property('code', 'WEB_CONFIG_INVALID');
    });
  }
});
