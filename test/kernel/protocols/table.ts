import type { Program, Row, Truth } from './row.js';

const turns = (...args: (string | number)[]): Program => ['turns.py', ...args];
const http = (...args: (string | number)[]): Program => ['http.mjs', ...args];
const raw = (...args: (string | number)[]): Program => ['http_raw.py', ...args];
const node2 = (...args: (string | number)[]): Program => ['http2.mjs', ...args];
const go2 = (...args: (string | number)[]): Program => ['http2.go', ...args];
const grpc = (...args: (string | number)[]): Program => ['grpc.mjs', ...args];
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
/** A long poll is a wait for work or for a slow peer: which, cannot be seen. */
const unknown = ({ wall }: Truth): [number, number] => [0, wall];

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
  { protocol: 'request in five pieces', server: turns('serve', MS), client: turns('pieces', 'n=20') },
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
  },
  { protocol: 'a connection a request', server: turns('serve', MS), client: turns('each', 'n=100') },
  { protocol: 'TCP_FASTOPEN', server: turns('serve', MS, 'fastopen=1'), client: turns('fastopen', 'n=100') },
  { protocol: 'half-close', server: turns('serve', MS), client: turns('half', 'n=100') },
  { protocol: 'time-out and retry', server: turns('serve', MS, 'slow=200'), client: turns('retry', 'n=40') },
  {
    protocol: 'overload with patience',
    server: turns('one', 'ms=50'),
    client: turns('crowd', 'n=40', 'ms=50'),
    network: everyThread,
    clean: true,
  },
  {
    protocol: 'several in flight, in order',
    server: mux('serve'),
    client: mux('every', 'n=300', 'gap=5', 'ms=20'),
    known: 'time',
  },
  {
    protocol: 'several in flight, out of order',
    server: mux('serve'),
    client: mux('every', 'n=200', 'gap=8', 'ms=10', 'spread=100'),
    known: 'time',
  },
  {
    protocol: '32 in flight',
    server: mux('serve'),
    client: mux('window', 'n=1600', 'in=32', 'ms=20', 'spread=5'),
    known: 'time',
  },
  {
    protocol: '16 in one send',
    server: mux('serve'),
    client: mux('batch', 'n=320', 'in=16', 'ms=20', 'spread=20'),
    known: 'bounds',
  },
  { protocol: 'DNS over TCP', server: raw('serve-dns'), client: raw('dns', 'n=100') },
];

const HTTP1: readonly Row[] = [
  { protocol: 'HTTP/1.0', server: http('serve', MS), client: raw('old', 'n=100') },
  { protocol: 'HTTP/1.1 keep-alive', server: http('serve', MS), client: http('get', 'n=100') },
  { protocol: 'HTTP/1.1 think time', server: http('serve', MS), client: http('get', 'n=40', 'think=30') },
  { protocol: 'HTTP/1.1 200 KB', server: http('serve', MS, 'bytes=200000'), client: http('get', 'n=100') },
  { protocol: 'HTTP/1.1 a connection a request', server: http('serve', MS), client: http('each', 'n=100') },
  { protocol: 'HTTP/1.1 POST of Python', server: http('serve', MS), client: raw('post', 'n=60', 'think=20') },
  { protocol: 'HTTP/1.1 chunked', server: http('serve', MS, 'chunks=4'), client: http('get', 'n=30') },
  { protocol: 'HTTP/1.1 100-continue', server: http('serve', MS), client: raw('expect', 'n=100') },
  { protocol: 'HTTP/1.1 upload in pieces', server: http('serve', MS), client: http('upload', 'n=20') },
  { protocol: 'HTTP/1.1 4 pipelined', server: http('serve', MS), client: raw('pipelined', 'n=200', 'in=4') },
  {
    protocol: 'HTTP/1.1 2 pipelined, 3 ms apart',
    server: http('serve', MS),
    client: raw('pipelined', 'n=100', 'in=2', 'gap=3'),
  },
  {
    protocol: 'HTTP/1.1 through nginx',
    upstream: http('serve', MS),
    server: server('nginx'),
    client: http('get', 'n=100'),
  },
  { protocol: 'server-sent events', server: http('events', 'every=100'), client: http('stream', 'n=15') },
  {
    protocol: 'long polls beside requests',
    server: http('polls', MS, 'hold=500'),
    client: http('poll', 'n=100'),
    network: unknown,
  },
  { protocol: 'TLS 1.2', server: http('serve', MS, 'tls=1.2'), client: http('get', 'n=100', 'tls=1.2') },
  { protocol: 'TLS 1.3', server: http('serve', MS, 'tls=1.3'), client: http('get', 'n=100', 'tls=1.3') },
  {
    protocol: 'TLS 1.2, a connection a request',
    server: http('serve', MS, 'tls=1.2'),
    client: http('each', 'n=60', 'tls=1.2'),
  },
  {
    protocol: 'TLS 1.3, a connection a request',
    server: http('serve', MS, 'tls=1.3'),
    client: http('each', 'n=60', 'tls=1.3'),
  },
  {
    protocol: 'TLS 1.3 through nginx',
    upstream: http('serve', MS),
    server: server('nginx', 'tls=1'),
    client: http('get', 'n=100', 'tls=1.3'),
  },
];

const [PLAIN, TLS] = [[], ['tls=1.3']];

function http2Rows(security: string, tls: readonly string[]): readonly Row[] {
  const known = tls.length > 0 ? ({ known: 'time' } as const) : {};
  const of = (runtime: string, program: typeof node2): readonly Row[] => [
    {
      protocol: `HTTP/2 ${security} of ${runtime}`,
      server: program('serve', MS, ...tls),
      client: program('one', 'n=100', ...tls),
      ...known,
    },
    {
      protocol: `HTTP/2 ${security} of ${runtime}, 10 at once`,
      server: program('serve', MS, ...tls),
      client: program('fan', 'n=500', 'in=10', ...tls),
      ...known,
    },
    {
      protocol: `HTTP/2 ${security} of ${runtime}, 32 at once`,
      server: program('serve', 'ms=30', ...tls),
      client: program('fan', 'n=960', 'in=32', ...tls),
      ...known,
    },
    {
      protocol: `HTTP/2 ${security} of ${runtime}, idle after one`,
      server: program('serve', MS, ...tls),
      client: program('idle', ...tls),
    },
    {
      protocol: `HTTP/2 ${security} of ${runtime}, idle after one of 200 KB`,
      server: program('serve', MS, 'bytes=200000', ...tls),
      client: program('idle', ...tls),
    },
    {
      protocol: `HTTP/2 ${security} of ${runtime}, 200 KB each 300 ms`,
      server: program('serve', 'ms=50', 'bytes=200000', ...tls),
      client: program('every', 'n=8', 'every=300', ...tls),
    },
  ];
  return [
    ...of('Node', node2),
    ...of('Go', go2),
    {
      protocol: `HTTP/2 ${security} of Node, PINGs`,
      server: node2('serve', MS, ...tls),
      client: node2('ping', 'n=4', ...tls),
    },
    {
      protocol: `HTTP/2 ${security} of nginx`,
      upstream: http('serve', MS),
      server: server('nginx', 'http2=1', ...tls),
      client: node2('one', 'n=100', ...tls),
      ...known,
    },
  ];
}

const HTTP2: readonly Row[] = [
  ...http2Rows('in plain text', PLAIN),
  ...http2Rows('in TLS', TLS),
  {
    protocol: 'HTTP/2 of Node, 66 at once',
    server: node2('serve', 'ms=100'),
    client: node2('fan', 'n=660', 'in=66'),
  },
  { protocol: 'gRPC unary', server: grpc('serve', MS), client: grpc('unary', 'n=100') },
  { protocol: 'gRPC unary, 10 at once', server: grpc('serve', MS), client: grpc('unary', 'n=500', 'in=10') },
  {
    protocol: 'gRPC unary, 200 KB each 300 ms',
    server: grpc('serve', 'ms=50', 'bytes=200000'),
    client: grpc('unary', 'n=8', 'think=300'),
  },
  { protocol: 'gRPC server streams', server: grpc('serve', MS), client: grpc('list', 'n=5') },
  { protocol: 'gRPC bidirectional stream', server: grpc('serve', MS), client: grpc('chat', 'n=50') },
];

const OTHERS: readonly Row[] = [
  { protocol: 'WebSocket asked', server: websocket('serve', MS), client: websocket('ask', 'n=100') },
  { protocol: 'WebSocket pushed', server: websocket('push', 'every=50'), client: websocket('hear', 'n=30') },
  {
    protocol: 'WebSocket publisher',
    server: websocket('sink'),
    client: websocket('publish', 'n=30', 'think=50'),
    network: tenPublications,
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
    client: messaging('qos0', 'n=30', 'think=50'),
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
export const TABLE: readonly Row[] = [...OTHERS, ...TURNS, ...HTTP1, ...HTTP2];
