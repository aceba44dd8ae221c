/*
 * Starts a server of Debian in this cgroup, with its data in the folder at=, and says its port once it answers: postgres,
 * mariadb, redis, memcached, mosquitto, nats, nginx (in front of upstream=, in TLS with tls=).
 */
import { execFileSync, spawn } from 'node:child_process';
import { chmodSync, chownSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { join } from 'node:path';
import { args, mode, ready, sleep } from './truth.mjs';

const NOBODY = 65534;
const at = join(args.at, `${mode}-${process.pid}`);
const START_MS = 25_000;

/** A port that was free a moment ago. */
const freePort = () =>
  new Promise((resolve) => {
    const server = net.createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });

const port = await freePort();

function postgres() {
  const versions = '/usr/lib/postgresql';
  const bin = join(
    versions,
    readdirSync(versions)
      .sort((a, b) => a - b)
      .at(-1),
    'bin',
  );
  chownSync(at, NOBODY, NOBODY);
  // PostgreSQL refuses to run as root.
  const asNobody = ['--reuid', String(NOBODY), '--regid', String(NOBODY), '--clear-groups'];
  const initialize = [
    '-D',
    `${at}/data`,
    '-U',
    'truth',
    '--auth=trust',
    '--no-sync',
    '--locale=C',
    '-E',
    'UTF8',
  ];
  execFileSync('setpriv', [...asNobody, join(bin, 'initdb'), ...initialize], { cwd: at });
  const settings = ['-c', 'listen_addresses=127.0.0.1', '-c', 'fsync=off', '-c', 'jit=off'];
  return [
    'setpriv',
    ...asNobody,
    join(bin, 'postgres'),
    '-D',
    `${at}/data`,
    '-p',
    port,
    '-k',
    at,
    ...settings,
  ];
}

/** Without tables of its own, which are only needed for accounts, it starts in a second. */
function mariadb() {
  mkdirSync(`${at}/data`);
  return [
    'mariadbd',
    '--no-defaults',
    `--datadir=${at}/data`,
    `--socket=${at}/socket`,
    `--port=${port}`,
    '--bind-address=127.0.0.1',
    '--user=root',
    '--skip-grant-tables',
    '--skip-name-resolve',
    '--innodb-log-file-size=4M',
    '--innodb-flush-log-at-trx-commit=0',
  ];
}

function nginx() {
  const secure =
    args.tls && `ssl_certificate ${args.at}/keys/cert.pem; ssl_certificate_key ${args.at}/keys/key.pem;`;
  const options = `${args.tls ? ' ssl' : ''}${args.http2 ? ' http2' : ''}`;
  writeFileSync(
    `${at}/nginx.conf`,
    `daemon off; error_log stderr; pid ${at}/pid; worker_processes 1; user root;
     events {}
     http {
       access_log off; ssl_protocols TLSv1.2 TLSv1.3; client_body_temp_path ${at}/body; proxy_temp_path ${at}/proxy; fastcgi_temp_path ${at}/fastcgi;
       uwsgi_temp_path ${at}/uwsgi; scgi_temp_path ${at}/scgi; keepalive_requests 100000;
       upstream behind { server 127.0.0.1:${args.upstream}; keepalive 4; }
       server {
         listen 127.0.0.1:${port}${options}; ${secure ?? ''}
         location / { proxy_pass http://behind; proxy_http_version 1.1; proxy_set_header Connection ""; }
       }
     }`,
  );
  return ['nginx', '-c', `${at}/nginx.conf`];
}

const servers = {
  postgres,
  mariadb,
  nginx,
  redis: () => {
    const settings = ['--port', port, '--bind', '127.0.0.1', '--save', '', '--dir', at];
    return ['redis-server', ...settings, '--enable-debug-command', 'yes'];
  },
  memcached: () => ['memcached', '-l', '127.0.0.1', '-p', port, '-u', 'nobody'],
  mosquitto: () => {
    writeFileSync(`${at}/mosquitto.conf`, `listener ${port} 127.0.0.1\nallow_anonymous true\nuser root\n`);
    return ['mosquitto', '-c', `${at}/mosquitto.conf`];
  },
  nats: () => ['nats-server', '-a', '127.0.0.1', '-p', port],
};

/** Waits until the port takes connections. */
async function listens() {
  for (const start = performance.now(); performance.now() < start + START_MS; await sleep(20)) {
    const socket = net.connect(port, '127.0.0.1');
    const connected = await new Promise((resolve) =>
      socket.on('connect', () => resolve(true)).on('error', () => resolve(false)),
    );
    socket.destroy();
    if (connected) return;
  }
  throw new Error(`${mode} does not listen on ${port}`);
}

mkdirSync(at, { recursive: true });
chmodSync(at, 0o755);
const [command, ...rest] = servers[mode]().map(String);
const server = spawn(command, rest, { stdio: ['ignore', 'ignore', 'inherit'], cwd: at });
server.on('exit', (code) => process.exit(code ?? 1));
await listens();
ready(port);
