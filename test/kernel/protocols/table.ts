import { HTTP } from './table-http.js';
import type { Program, Row, Truth } from './row.js';

const turns = (...args: (string | number)[]): Program => ['turns.py', ...args];
const raw = (...args: (string | number)[]): Program => ['http_raw.py', ...args];
const websocket = (...args: (string | number)[]): Program => ['websocket.mjs', ...args];
const mux = (...args: (string | number)[]): Program => ['mux.py', ...args];
const caches = (...args: (string | number)[]): Program => ['caches.py', ...args];
const databases = (...args: (string | number)[]): Program => ['databases.mjs', ...args];
const messaging = (...args: (string | number)[]): Program => ['messaging.mjs', ...args];
const server = (...args: (string | number)[]): Program => ['server.mjs', ...args];

const MS = 'ms=12';
/** Of publications each 300 ms the first three may still be questions to a slow peer. */
const threePublications = (): [number, number] => [0, 0.9];
/** Of publications each 50 ms the first ten may. */
const tenPublications = (): [number, number] => [0, 0.55];
/** Each client is a thread of its own, with a patience of 300 ms. */
const everyThread = ({ sum, abandoned }: Truth): [number, number] => [
  sum + 0.3 * abandoned,
  sum + 0.3 * abandoned,
];

/** Fixed sizes, as an unknown protocol has them. */
const TURNS: readonly Row[] = [
  { protocol: 'one at a time', server: turns('serve', MS), client: turns('ask', 'n=100') },
  {
    protocol: 'two sends, think time',
    server: turns('serve', MS),
    client: turns('ask', 'n=50', 'head=40', 'think=20'),
  },
  {
    protocol: 'two sends, each 3 ms apart',
    server: turns('serve', MS),
    client: turns('ask', 'n=80', 'head=40', 'gap=3'),
  },
  {
    protocol: 'two sends, epoll client',
    server: turns('serve', MS),
    client: turns('ask', 'n=50', 'head=40', 'think=20', 'epoll=1'),
  },
  {
    protocol: 'server that reads 4 + 96 bytes',
    server: turns('serve', MS, 'head=4'),
    client: turns('ask', 'n=100', 'head=40'),
  },
  {
    protocol: 'answers of 1 MB',
    server: turns('serve', MS, 'answer=1000000'),
    client: turns('ask', 'n=50', 'answer=1000000'),
  },
  {
    protocol: 'poller blocks before another thread sends',
    server: turns('serve', MS),
    client: turns('poller', 'n=100'),
  },
  {
    protocol: 'sink with a publication each 0.3 s',
    server: turns('sink'),
    client: turns('publish', 'n=8', 'think=300'),
    network: threePublications,
    withdrawn: 1,
  },
  { protocol: 'a connection a request', server: turns('serve', MS), client: turns('each', 'n=100') },
  { protocol: 'TCP_FASTOPEN', server: turns('serve', MS, 'fastopen=1'), client: turns('fastopen', 'n=100') },
  { protocol: 'half-close', server: turns('serve', MS), client: turns('half', 'n=100') },
  { protocol: 'time-out and retry', server: turns('serve', MS, 'slow=200'), client: turns('retry', 'n=40') },
  {
    protocol: 'overload with patience',
    // Long enough that a client's time-out and a response never come at once, on a busy machine either.
    server: turns('one', 'ms=150'),
    client: turns('crowd', 'n=40', 'ms=150'),
    network: everyThread,
    clean: true,
  },
  {
    protocol: '16 in one send',
    server: mux('serve'),
    client: mux('batch', 'n=320', 'in=16', 'ms=20', 'spread=20'),
    known: 'bounds',
  },
  { protocol: 'DNS over TCP', server: raw('serve-dns'), client: raw('dns', 'n=100') },
];

const OTHERS: readonly Row[] = [
  { protocol: 'WebSocket asked', server: websocket('serve', MS), client: websocket('ask', 'n=100') },
  { protocol: 'WebSocket pushed', server: websocket('push', 'every=50'), client: websocket('hear', 'n=30') },
  {
    protocol: 'WebSocket publisher',
    server: websocket('sink'),
    client: websocket('publish', 'n=30', 'think=50'),
    network: tenPublications,
    withdrawn: 1,
  },
  {
    protocol: 'PostgreSQL simple',
    server: server('postgres'),
    client: databases('simple', 'n=100'),
    login: 3,
  },
  {
    protocol: 'PostgreSQL extended',
    server: server('postgres'),
    client: databases('extended', 'n=100'),
    login: 3,
  },
  {
    protocol: 'PostgreSQL, every fifth of 200 ms',
    server: server('postgres'),
    client: databases('mixed', 'n=50'),
    login: 3,
  },
  { protocol: 'MariaDB text', server: server('mariadb'), client: databases('text', 'n=100'), login: 3 },
  {
    protocol: 'MariaDB prepared',
    server: server('mariadb'),
    client: databases('prepared', 'n=100'),
    login: 3,
  },
  { protocol: 'Redis SET', server: server('redis'), client: caches('set', 'n=2000') },
  { protocol: 'Redis, 12 ms', server: server('redis'), client: caches('slow', 'n=100') },
  { protocol: 'Redis pipelines', server: server('redis'), client: caches('pipeline', 'n=500') },
  { protocol: 'Redis BLPOP', server: server('redis'), client: caches('blpop', 'n=60') },
  { protocol: 'Redis publish and subscribe', server: server('redis'), client: caches('subscribe', 'n=50') },
  { protocol: 'memcached', server: server('memcached'), client: caches('memcached', 'n=2000') },
  {
    protocol: 'MQTT QoS 0',
    server: server('mosquitto'),
    client: messaging('qos0', 'n=60', 'think=50'),
    login: 1,
  },
  {
    protocol: 'MQTT QoS 1',
    server: server('mosquitto'),
    client: messaging('qos1', 'n=60', 'think=20'),
    login: 1,
  },
  {
    protocol: 'MQTT subscriber',
    server: server('mosquitto'),
    worker: messaging('publisher'),
    client: messaging('subscriber', 'n=30'),
    login: 2,
  },
  {
    protocol: 'NATS request and reply',
    server: server('nats'),
    worker: messaging('worker'),
    client: messaging('request', 'n=100'),
    login: 3,
  },
  {
    protocol: 'NATS publisher',
    server: server('nats'),
    client: messaging('publications', 'n=30', 'think=50'),
    login: 3,
  },
  { protocol: 'AMQP 1.0', server: messaging('accept'), client: messaging('send', 'n=100'), login: 5 },
];

/** The table of truth: every protocol at hand, with the programs that speak it. */
export const TABLE: readonly Row[] = [...OTHERS, ...TURNS, ...HTTP];
