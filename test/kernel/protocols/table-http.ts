import type { Program, Row, Truth } from './row.js';

const http = (...args: (string | number)[]): Program => ['http.mjs', ...args];
const raw = (...args: (string | number)[]): Program => ['http_raw.py', ...args];
const node2 = (...args: (string | number)[]): Program => ['http2.mjs', ...args];
const go2 = (...args: (string | number)[]): Program => ['http2.go', ...args];
const grpc = (...args: (string | number)[]): Program => ['grpc.mjs', ...args];
const server = (...args: (string | number)[]): Program => ['server.mjs', ...args];

const MS = 'ms=12';
/** The client sleeps for 3 ms after each request. */
const betweenGaps = ({ n, due }: Truth): [number, number] => [due - 0.004 * n, due];
/** Where all of a request was sent, only the end of the body tells: its client waits from the first piece on. */
const fromFirstPiece = ({ sum, wall }: Truth): [number, number] => [sum, wall];
/** A long poll is a wait for work or for a slow peer: which, cannot be seen. */
const unknown = ({ wall }: Truth): [number, number] => [0, wall];

/** A Go program may have a second thread that polls while many responses are due: it was 1.37 times the time in one run of seven. */
const twoPollers = ({ due }: Truth): [number, number] => [due, 2 * due];

const HTTP1: readonly Row[] = [
  { protocol: 'HTTP/1.0', server: http('serve', MS), client: raw('old', 'n=100') },
  { protocol: 'HTTP/1.1 keep-alive', server: http('serve', MS), client: http('get', 'n=100') },
  { protocol: 'HTTP/1.1 think time', server: http('serve', MS), client: http('get', 'n=40', 'think=30') },
  { protocol: 'HTTP/1.1 200 KB', server: http('serve', MS, 'bytes=200000'), client: http('get', 'n=100') },
  { protocol: 'HTTP/1.1 a connection a request', server: http('serve', MS), client: http('each', 'n=100') },
  { protocol: 'HTTP/1.1 POST of Python', server: http('serve', MS), client: raw('post', 'n=60', 'think=20') },
  { protocol: 'HTTP/1.1 chunked', server: http('serve', MS, 'chunks=4'), client: http('get', 'n=30') },
  { protocol: 'HTTP/1.1 100-continue', server: http('serve', MS), client: raw('expect', 'n=100') },
  {
    protocol: 'HTTP/1.1 pipelined, 3 ms apart',
    server: http('serve', MS),
    client: raw('pipelined', 'n=100', 'in=2', 'gap=3'),
    network: betweenGaps,
  },
  {
    protocol: 'HTTP/1.1 upload in pieces',
    server: http('serve', MS),
    client: http('upload', 'n=20'),
    network: fromFirstPiece,
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
    long: 8,
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

function plainHttp2(runtime: string, program: typeof node2, several: Partial<Row> = {}): readonly Row[] {
  const protocol = `HTTP/2 in plain text of ${runtime}`;
  return [
    { protocol, server: program('serve', MS), client: program('one', 'n=100') },
    {
      protocol: `${protocol}, 10 at once`,
      server: program('serve', MS),
      client: program('fan', 'n=500', 'in=10'),
      ...several,
    },
    {
      protocol: `${protocol}, 32 at once`,
      server: program('serve', 'ms=30'),
      client: program('fan', 'n=960', 'in=32'),
      ...several,
    },
    {
      protocol: `${protocol}, idle after one`,
      server: program('serve', MS),
      client: program('idle'),
    },
    {
      protocol: `${protocol}, idle after one of 200 KB`,
      server: program('serve', MS, 'bytes=200000'),
      client: program('idle'),
    },
    {
      protocol: `${protocol}, 200 KB each 300 ms`,
      server: program('serve', 'ms=50', 'bytes=200000'),
      client: program('every', 'n=8', 'every=300'),
      thinks: 7,
    },
  ];
}

const TLS = 'tls=1.3';
/** Lengths of records tell requests, but not how many. */
const tlsHttp2 = (of: string, server: Program, client: Program, more: Partial<Row> = {}): Row => ({
  protocol: `HTTP/2 in TLS of ${of}`,
  server,
  client,
  known: 'time',
  ...more,
});

/** One at a time: every request is told. */
function tlsHttp2Idle(runtime: string, program: typeof node2): readonly Row[] {
  const large = 'bytes=200000';
  const known: Partial<Row> = { known: 'all', clean: true };
  return [
    tlsHttp2(`${runtime}, idle after one`, program('serve', MS, TLS), program('idle', TLS), known),
    tlsHttp2(
      `${runtime}, idle after one of 200 KB`,
      program('serve', MS, large, TLS),
      program('idle', TLS),
      known,
    ),
    tlsHttp2(
      `${runtime}, 200 KB each 300 ms`,
      program('serve', 'ms=50', large, TLS),
      program('every', 'n=8', 'every=300', TLS),
      { ...known, login: 1 }, // a response that a busy machine holds up in its middle may count as two
    ),
  ];
}

const HTTP2: readonly Row[] = [
  ...plainHttp2('Node', node2),
  ...plainHttp2('Go', go2, { network: twoPollers }),
  {
    protocol: 'HTTP/2 in plain text of Node, PINGs',
    server: node2('serve', MS),
    client: node2('ping', 'n=4'),
    clean: true,
  },
  {
    protocol: 'HTTP/2 in plain text of nginx',
    upstream: http('serve', MS),
    server: server('nginx', 'http2=1'),
    client: node2('one', 'n=100'),
  },
  tlsHttp2('Node', node2('serve', MS, TLS), node2('one', 'n=100', TLS)),
  tlsHttp2('Go', go2('serve', MS, TLS), go2('one', 'n=100', TLS)),
  tlsHttp2('nginx', server('nginx', 'http2=1', TLS), node2('one', 'n=100', TLS), {
    upstream: http('serve', MS),
  }),
  tlsHttp2('Node, 10 at once', node2('serve', MS, TLS), node2('fan', 'n=500', 'in=10', TLS), { clean: true }),
  tlsHttp2('Node, 32 at once', node2('serve', 'ms=30', TLS), node2('fan', 'n=960', 'in=32', TLS), {
    clean: true,
  }),
  ...tlsHttp2Idle('Node', node2),
  ...tlsHttp2Idle('Go', go2),
  tlsHttp2('Node, PINGs', node2('serve', MS, TLS), node2('ping', 'n=4', TLS), { known: 'all', clean: true }),
  tlsHttp2('Go, 10 at once', go2('serve', MS, TLS), go2('fan', 'n=500', 'in=10', TLS), {
    network: (truth) => [0, twoPollers(truth)[1]],
    clean: true,
  }),
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
    thinks: 7,
  },
  { protocol: 'gRPC server streams', server: grpc('serve', MS), client: grpc('list', 'n=5') },
  { protocol: 'gRPC bidirectional stream', server: grpc('serve', MS), client: grpc('chat', 'n=50') },
];

/** HTTP/1, server-sent events, long polls, TLS, HTTP/2 and gRPC. */
export const HTTP: readonly Row[] = [...HTTP1, ...HTTP2];
