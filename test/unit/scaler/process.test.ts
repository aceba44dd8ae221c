import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer as createHttpServer } from 'node:http';
import { createServer, type AddressInfo, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import bcrypt from 'bcryptjs';
import { eventually } from '../../eventually.js';
import { expect } from 'chai';

const ROOT = path.resolve(import.meta.dirname, '../../..');

const rules = (name: string, extra = ''): string => `groups:
  - name: ${name}
    rules:
      - scale: cart
        scaleTargetRef: {kind: Deployment, namespace: shop, name: cart}
        maxReplicas: 5
${extra}`;

/** A kubeconfig of an unreachable cluster. */
const NOWHERE = JSON.stringify({
  clusters: [{ name: 'c', cluster: { server: 'https://127.0.0.1:1' } }],
  users: [{ name: 'u', user: { token: 'secret' } }],
  contexts: [{ name: 'x', context: { cluster: 'c', user: 'u' } }],
  'current-context': 'x',
});

interface Ended {
  code: number | null;
  stdout: string;
  stderr: string;
}

/** Bound on the start, from TypeScript: a second on a quiet machine, much longer on a loaded one. */
const START_MS = 60_000;

describe('the process kernscale-scaler', function () {
  this.timeout(90_000);
  let directory: string;
  let rulesFile: string;
  const children: ChildProcess[] = [];

  beforeEach(() => {
    directory = mkdtempSync(path.join(tmpdir(), 'kernscale-scaler-'));
    rulesFile = path.join(directory, 'rules.yaml');
    writeFileSync(rulesFile, rules('shop'));
    writeFileSync(path.join(directory, 'kubeconfig'), NOWHERE);
  });

  afterEach(async () => {
    for (const child of children.splice(0)) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      child.kill('SIGKILL');
      await once(child, 'exit');
    }
    rmSync(directory, { recursive: true });
  });

  function launch(...args: string[]): { child: ChildProcess; ended: Promise<Ended> } {
    const base = [`--rules=${rulesFile}`, `--kubernetes.kubeconfig=${directory}/kubeconfig`];
    const nowhere = ['--prometheus.url=http://127.0.0.1:1', '--web.listen-address=127.0.0.1:0'];
    const command = ['--import=tsx', path.join(ROOT, 'scaler/main.ts'), ...base, ...nowhere, ...args];
    const child = spawn(process.execPath, command, { stdio: ['ignore', 'pipe', 'pipe'] });
    children.push(child);
    const output = { stdout: '', stderr: '' };
    child.stdout.on('data', (chunk: Buffer) => (output.stdout += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (output.stderr += chunk.toString()));
    const ended = once(child, 'close').then(() => ({ code: child.exitCode, ...output }));
    return { child, ended };
  }

  /** Starts the service. @returns its address, from its log */
  async function serve(
    ...args: string[]
  ): Promise<{ child: ChildProcess; ended: Promise<Ended>; url: string }> {
    const launched = launch('--log.format=json', ...args);
    let log = '';
    launched.child.stderr?.on('data', (chunk: Buffer) => (log += chunk.toString()));
    const url = await eventually('the scaler serves', () => /"urls":\["([^"]+)"/.exec(log)?.[1], START_MS);
    return { ...launched, url };
  }

  async function addressOf(server: Server): Promise<string> {
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return `127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  async function groups(url: string): Promise<string[]> {
    const listed = (await (await fetch(`${url}/api/v1/rules`)).json()) as { groups: { name: string }[] };
    return listed.groups.map(({ name }) => name);
  }

  it('reports a wrong flag without a stack', async () => {
    const { code, stderr } = await launch('--promteheus.url=x').ended;
    expect(code).to.equal(1);
    expect(stderr).to.match(
      /^kernscale-scaler: unknown option '--promteheus\.url=x'.*--prometheus\.url.*\nsee .*\n$/,
    );
  });

  it('rejects an invalid address of Prometheus', async () => {
    const { code, stderr } = await launch('--prometheus.url=prometheus:9090').ended;
    expect(code).to.equal(1);
    expect(stderr).to.match(/^.+\nsee docs\/errors\.md#prometheus_url\n$/);
  });

  it('applies the web configuration, and rejects an invalid one', async () => {
    const file = path.join(directory, 'web.yaml');
    writeFileSync(file, `basic_auth_users: {ann: ${bcrypt.hashSync('secret', 4)}}`);
    const { url } = await serve(`--web.config.file=${file}`);
    const authorization = `Basic ${btoa('ann:secret')}`;
    expect((await fetch(`${url}/metrics`)).status).to.equal(401);
    expect((await fetch(`${url}/metrics`, { headers: { authorization } })).status).to.equal(200);
    writeFileSync(file, 'basic_auth: {}');
    const { code, stderr } = await launch(`--web.config.file=${file}`).ended;
    expect(code).to.equal(1);
    expect(stderr).to.equal(
      `kernscale-scaler: ${file}:1:1: unknown field "basic_auth" in the file [WEB_CONFIG_INVALID]\nsee docs/errors.md#web_config_invalid\n`,
    );
  });

  it('prints all errors in the rules with their positions', async () => {
    writeFileSync(rulesFile, rules('shop', '        minReplica: 2\n        maxReplicaz: 3\n'));
    const { code, stderr } = await launch().ended;
    expect(code).to.equal(1);
    expect(stderr.trim().split('\n')).to.have.length(2);
    expect(stderr).to.include(`${rulesFile}:7:9: group "shop", rule "cart": unknown field "minReplica"`);
  });

  it('checks the rules and exits', async () => {
    const { code, stdout, stderr } = await launch('--config.check').ended;
    expect({ code, stderr }).to.deep.equal({ code: 0, stderr: '' });
    expect(stdout).to.equal('The rules are valid; groups: 1, rules: 1.\n');
  });

  it('reports a busy port', async () => {
    const server = createServer();
    const address = await addressOf(server);
    const { code, stderr } = await launch(`--web.listen-address=${address}`, '--log.level=error').ended;
    server.close();
    expect(code).to.equal(1);
    expect(stderr).to.match(
      /^kernscale-scaler: another process is listening on .*\[PORT_BUSY\]\nsee docs\/errors\.md#port_busy\n$/,
    );
  });

  it('starts without Prometheus and the API server, and reports that it is not ready', async () => {
    const { url, child } = await serve();
    expect((await fetch(`${url}/-/healthy`)).status).to.equal(200);
    expect((await fetch(`${url}/-/ready`)).status).to.equal(503);
    await eventually(
      'the problems',
      async () => {
        const { status } = (await (await fetch(`${url}/api/v1/decisions`)).json()) as {
          status: { problems: string[] };
        };
        const problems = status.problems.join();
        return /Prometheus at \S+ is unreachable/.test(problems) && problems.includes('shop/Deployment/cart');
      },
      10_000,
    );
    expect(child.exitCode).to.equal(null);
  });

  it('starts with an empty history, and warns, if the history file is broken', async () => {
    const file = path.join(directory, 'history.json');
    writeFileSync(file, '{"version": 1, "workl');
    const { child, ended } = await serve(`--history.file=${file}`);
    await eventually('a good file', () => readFileSync(file, 'utf8').startsWith('{"version":2,"savedAt":'));
    child.kill('SIGTERM');
    const { code, stderr } = await ended;
    expect(code).to.equal(0);
    const warning = stderr.split('\n').find((line) => line.includes('HISTORY_UNREADABLE'));
    expect(JSON.parse(warning!)).to.include({ level: 'warn', file, msg: 'starting with empty histories' });
  });

  it('does not write the history file while another process leads', async () => {
    const file = path.join(directory, 'history.json');
    const follower = ['--leader-elect', '--leader-elect.namespace=shop', `--history.file=${file}`];
    const { url } = await serve(...follower);
    const rounds = async (): Promise<number> => {
      const text = await (await fetch(`${url}/metrics`)).text();
      return Number(/kernscale_rule_group_duration_seconds_count\{group="shop"\} (\d+)/.exec(text)?.[1] ?? 0);
    };
    await eventually('a round', async () => (await rounds()) > 0, 10_000);
    expect(existsSync(file)).to.equal(false);
  });

  it("goes by Prometheus' clock, and names a skew", async () => {
    const ahead = 60;
    const now = (): number => Date.now() / 1000 + ahead;
    const asked: number[] = [];
    const prometheus = createHttpServer((request, response) => {
      let form = '';
      request.on('data', (chunk: Buffer) => (form += chunk.toString()));
      request.on('end', () => {
        if (!form.includes('vector')) asked.push(now() - Number(new URLSearchParams(form).get('time')));
        response.setHeader('date', new Date(now() * 1000).toUTCString());
        response.end('{"status":"success","data":{"resultType":"vector","result":[]}}');
      });
    });
    const address = await addressOf(prometheus);
    const file = path.join(directory, 'history.json');
    writeFileSync(file, JSON.stringify({ version: 2, savedAt: now(), workloads: [] }));
    try {
      const { child, ended, url } = await serve(
        `--prometheus.url=http://${address}`,
        `--history.file=${file}`,
        '--prometheus.query-offset=0s',
        '--restore.range=0s',
      );
      await eventually('a round', () => asked.length > 0, 20_000);
      // By the machine's own clock they would be 60 s old.
      for (const age of asked) expect(age).to.be.within(-5, 30);
      const { status } = (await (await fetch(`${url}/api/v1/decisions`)).json()) as {
        status: { problems: string[] };
      };
      expect(status.problems.join()).to.match(/machine is (5[5-9]|6[0-5]) s behind Prometheus'/);
      const text = await (await fetch(`${url}/metrics`)).text();
      expect(text).to.match(/^kernscale_prometheus_clock_skew_seconds -(5[5-9]|6[0-5])/m);
      child.kill('SIGTERM');
      const { stderr } = await ended;
      expect(stderr).to.include('"code":"CLOCK_SKEW"').and.to.include('restored the histories');
    } finally {
      prometheus.closeAllConnections();
      prometheus.close();
    }
  });

  it('exits on SIGTERM, without waiting for queries that hang', async () => {
    const silent = createServer();
    const connected = once(silent, 'connection');
    const flags = [`--prometheus.url=http://${await addressOf(silent)}`, '--prometheus.timeout=1h'];
    const { child, ended } = await serve(...flags);
    await connected;
    child.kill('SIGTERM');
    expect((await ended).code).to.equal(0);
    silent.close();
  });

  it('serves the page with a policy that blocks foreign content', async () => {
    const { url } = await serve();
    const page = await fetch(url);
    expect(page.headers.get('content-type')).to.equal('text/html; charset=utf-8');
    expect(page.headers.get('content-security-policy')).to.include("default-src 'self'");
    const text = await page.text();
    expect(text).to.not.match(/(src|href)="(https?:)?\/\//);
    for (const [, file = ''] of text.matchAll(/(?:src|href)="([^"]+\.(?:js|css|svg))"/g)) {
      expect((await fetch(`${url}/${file}`)).status, file).to.equal(200);
    }
    expect((await fetch(`${url}/nothing`)).status).to.equal(404);
    expect((await fetch(`${url}/-/reload`)).status).to.equal(405);
  });

  describe('reloads its rules', () => {
    it('on request, and keeps the previous ones if the new ones are invalid', async () => {
      const { url } = await serve();
      writeFileSync(rulesFile, rules('other'));
      expect((await fetch(`${url}/-/reload`, { method: 'POST' })).status).to.equal(200);
      expect(await groups(url)).to.deep.equal(['other']);
      writeFileSync(rulesFile, rules('third', '        oops: 1\n'));
      const refused = await fetch(`${url}/-/reload`, { method: 'POST' });
      expect(refused.status).to.equal(500);
      expect(await refused.text()).to.include(`${rulesFile}:7:9: `);
      expect(await groups(url)).to.deep.equal(['other']);
      const metrics = await (await fetch(`${url}/metrics`)).text();
      expect(metrics).to.match(/kernscale_config_last_reload_successful 0/);
    });

    it('when the file changes', async () => {
      const { url } = await serve();
      writeFileSync(rulesFile, rules('edited'));
      await eventually('the new rules', async () => (await groups(url))[0] === 'edited');
    });

    it('not when the file is empty, and says so', async () => {
      const { url, child, ended } = await serve();
      writeFileSync(rulesFile, '');
      const listed = async () =>
        (await (await fetch(`${url}/api/v1/decisions`)).json()) as { status: { problems: string[] } };
      const lost = 'the file has lost its only rule';
      await eventually('the problem', async () => (await listed()).status.problems.join().includes(lost));
      expect(await groups(url)).to.deep.equal(['shop']);
      const text = await (await fetch(`${url}/metrics`)).text();
      expect(text).to.match(/kernscale_config_last_reload_successful 0/);
      child.kill('SIGTERM');
      expect((await ended).stderr).to.match(new RegExp(`"level":"error".*${lost}`));
    });

    it('when a file changes that matches a pattern', async () => {
      const file = path.join(directory, 'shop.rules');
      writeFileSync(file, rules('shop'));
      rulesFile = path.join(directory, '*.rules');
      const { url } = await serve();
      writeFileSync(file, rules('edited'));
      await eventually('the new rules', async () => (await groups(url))[0] === 'edited');
    });

    it('on SIGHUP', async () => {
      const { url, child } = await serve();
      writeFileSync(rulesFile, rules('hup'));
      child.kill('SIGHUP');
      await eventually('the new rules', async () => (await groups(url))[0] === 'hup');
    });

    it('when a ConfigMap is swapped', async () => {
      const mount = path.join(directory, 'mount');
      for (const version of ['one', 'two']) {
        mkdirSync(path.join(mount, `..${version}`), { recursive: true });
        writeFileSync(path.join(mount, `..${version}`, 'rules.yaml'), rules(version));
      }
      symlinkSync('..one', path.join(mount, '..data'));
      symlinkSync('..data/rules.yaml', path.join(mount, 'rules.yaml'));
      rulesFile = mount;
      const { url } = await serve();
      expect(await groups(url)).to.deep.equal(['one']);
      symlinkSync('..two', path.join(mount, '..data_tmp'));
      renameSync(path.join(mount, '..data_tmp'), path.join(mount, '..data'));
      await eventually('the new rules', async () => (await groups(url))[0] === 'two');
    });
  });
});
