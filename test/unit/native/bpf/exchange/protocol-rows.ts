import type { Row } from './row.js';

const CLOSE_WAIT = 8;

const SETTINGS = String.raw`\x00\x00\x00\x04\x00\x00\x00\x00\x00`;
const PREFACE = String.raw`PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n` + SETTINGS;
/** A frame's header, with a body of 4 bytes. */
const frame = (type: number, stream: number): string =>
  String.raw`\x00\x00\x04\x0${String(type)}\x00\x00\x00\x00\x0${String(stream)}zzzz`;
const HEADERS = 1;
const RST_STREAM = 3;
const WINDOW_UPDATE = 8;

const byte = (value: number): string => String.raw`\x` + value.toString(16).padStart(2, '0');

/** A record's header, with as many bytes after it as it says. */
const record = (type: string, bytes: number, body = 'z'.repeat(bytes)): string =>
  String.raw`\x${type}\x03\x03` + byte(bytes >> 8) + byte(bytes & 0xff) + body;

/** A client's hello of 70 bytes: no session, one cipher suite, and ALPN, which offers h2. */
const HELLO_OF_H2 =
  String.raw`\x01\x00\x00\x42\x03\x03` +
  'r'.repeat(32) +
  String.raw`\x00\x00\x02\x13\x01\x01\x00\x00\x17\x00\x10\x00\x05\x00\x03\x02h2` +
  'z'.repeat(14);

const GET = String.raw`GET / HTTP/1.1\r\n\r\n`;
const OK = String.raw`HTTP/1.1 200 OK\r\n\r\n`;
const CONTINUE = String.raw`HTTP/1.1 100 Continue\r\n\r\n`;

export const protocols: Row[] = [
  [
    'HTTP/1: pipelined requests wait each',
    'client',
    [`send 0 18 ${GET}`, `send 3 18 ${GET}`, `receive 11 50 ${OK}`, `receive 14 50 ${OK}`],
    ['request', 'request', 'response 11.0', 'response 11.0'],
  ],
  [
    'HTTP/1: several in one call show by their responses',
    'server',
    [`receive 0 36 ${GET}${GET}`, `send 11 50 ${OK}`, `send 12 50 ${OK}`],
    ['request', 'response 11.0', 'request', 'response 12.0'],
  ],
  [
    'HTTP/1: responses to pipelined requests that are read in one call',
    'client',
    [
      `send 0 18 ${GET}`,
      `send 3 18 ${GET}`,
      `receive 11 ${String(19 + 6 + 19)} ${OK}xxxxxx${OK}`,
      `send 20 18 ${GET}`,
      `receive 31 50 ${OK}`,
    ],
    ['request', 'request', 'response 11.0', 'response 8.0', 'request', 'response 11.0'],
  ],
  [
    'HTTP/1: a request that is read in parts after an unseen response is one',
    'server',
    [
      `receive 0 18 ${GET}`,
      `unseen 1 50 ${OK}`,
      `arrive 20 18 ${GET}`,
      'read 20 4',
      'read 20 14',
      `send 25 50 ${OK}`,
    ],
    ['request', 'response 1.0', 'request', 'response 5.0'],
  ],
  [
    'HTTP/1: 100 is no response',
    'client',
    [`send 0 50 POST / HTTP/1.1`, `receive 5 25 ${CONTINUE}`, 'send 6 50 body', `receive 16 50 ${OK}`],
    ['request', 'response 10.0'],
  ],
  [
    'HTTP/1: an upload in pieces is one request',
    'client',
    [`send 0 50 POST / HTTP/1.1`, 'send 15 50 body', 'send 30 50 body', `receive 40 50 ${OK}`],
    ['request', 'response 10.0'],
  ],
  [
    'HTTP/2: the server says SETTINGS before it reads the preface',
    'server',
    [
      'arrive 0 33 ' + PREFACE,
      'survey 1',
      `send 2 9 ${SETTINGS}`,
      'read 3 33',
      `receive 10 13 ${frame(HEADERS, 1)}`,
      `send 20 13 ${frame(HEADERS, 1)}`,
    ],
    ['request', 'void', 'request', 'response 10.0'],
  ],
  [
    'HTTP/2: streams are answered in any order',
    'client',
    [
      `send 0 33 ${PREFACE}`,
      `receive 1 9 ${SETTINGS}`,
      `send 10 13 ${frame(HEADERS, 1)}`,
      `send 12 13 ${frame(HEADERS, 3)}`,
      `receive 22 13 ${frame(HEADERS, 3)}`,
      `receive 30 13 ${frame(HEADERS, 1)}`,
    ],
    ['request', 'request', 'response 10.0', 'response 20.0'],
  ],
  [
    'HTTP/2: other frames are nothing',
    'client',
    [`send 0 33 ${PREFACE}`, `send 1 13 ${frame(WINDOW_UPDATE, 0)}`, `receive 2 9 ${SETTINGS}`],
    [],
  ],
  [
    'HTTP/2: a stream that is reset is abandoned',
    'client',
    [`send 0 33 ${PREFACE}`, `send 10 13 ${frame(HEADERS, 1)}`, `send 60 13 ${frame(RST_STREAM, 1)}`],
    ['request', 'abandoned'],
  ],
  [
    'HTTP/2: the end drops what is open',
    'client',
    [
      `send 0 33 ${PREFACE}`,
      `send 10 13 ${frame(HEADERS, 1)}`,
      `send 10 13 ${frame(HEADERS, 3)}`,
      `state 60 ${String(CLOSE_WAIT)}`,
    ],
    ['request', 'request', 'dropped 2'],
  ],
  [
    'TLS 1.2: the handshake is no request',
    'server',
    [
      `receive 0 65 ${record('16', 60)}`,
      `send 1 35 ${record('16', 30)}`,
      `receive 2 51 ${record('14', 1)}${record('16', 40)}`,
      `send 3 51 ${record('14', 1)}${record('16', 40)}`,
      `receive 5 85 ${record('17', 80)}`,
      `send 15 99 ${record('17', 94)}`,
    ],
    ['request', 'response 10.0'],
  ],
  [
    'TLS 1.3: tickets are no response',
    'server',
    [
      `receive 0 65 ${record('16', 60)}`,
      `send 1 75 ${record('16', 30)}${record('17', 35)}`,
      `receive 2 143 ${record('17', 53)}${record('17', 80)}`,
      `send 3 262 ${record('17', 126)}${record('17', 126)}`,
      `send 15 99 ${record('17', 94)}`,
    ],
    ['request', 'response 13.0'],
  ],
  [
    'HTTP/2 in TLS: control frames are nothing, and all is marked',
    'client',
    [
      'send 0 75 ' + record('16', 70, HELLO_OF_H2),
      'receive 1 40 ' + record('17', 35),
      `send 2 114 ${record('17', 53)}${record('17', 50)}`,
      'receive 3 31 ' + record('17', 26),
      'send 10 65 ' + record('17', 60),
      'receive 20 85 ' + record('17', 80),
      'send 100 39 ' + record('17', 34),
      'receive 101 39 ' + record('17', 34),
    ],
    ['request', 'response 10.0 several'],
  ],
  [
    'HTTP/2 in TLS: a request in the record of the preface shows by its response',
    'client',
    [
      'send 0 75 ' + record('16', 70, HELLO_OF_H2),
      'receive 1 40 ' + record('17', 35),
      `send 2 138 ${record('17', 53)}${record('17', 75)}`,
      `receive 3 293 ${record('17', 126)}${record('17', 126)}${record('17', 26)}`,
      'send 3 31 ' + record('17', 26),
      'receive 12 85 ' + record('17', 80),
    ],
    ['request', 'response 10.0 several'],
  ],
  [
    'HTTP/2 in TLS: updates of the window during and after a long response are nothing',
    'client',
    [
      'send 0 75 ' + record('16', 70, HELLO_OF_H2),
      'receive 1 40 ' + record('17', 35),
      `send 2 114 ${record('17', 53)}${record('17', 50)}`,
      'receive 3 31 ' + record('17', 26),
      'send 4 31 ' + record('17', 26),
      'send 10 65 ' + record('17', 60),
      'receive 60 5005 ' + record('17', 5000, ''),
      'send 70 35 ' + record('17', 30),
      'receive 71 5005 ' + record('17', 5000, ''),
      'send 90 35 ' + record('17', 30),
      'send 500 35 ' + record('17', 30),
      'receive 550 5005 ' + record('17', 5000, ''),
    ],
    ['request', 'response 50.0 several', 'think 429.0', 'request', 'response 50.0 several'],
  ],
  [
    'HTTP/2 in TLS: where requests are longer, the shortest record is none without a response',
    'client',
    [
      'send 0 75 ' + record('16', 70, HELLO_OF_H2),
      'receive 1 40 ' + record('17', 35),
      `send 2 114 ${record('17', 53)}${record('17', 50)}`,
      'receive 3 31 ' + record('17', 26),
      'send 4 31 ' + record('17', 26),
      'send 10 65 ' + record('17', 60),
      'receive 20 85 ' + record('17', 80),
      'send 30 37 ' + record('17', 32),
      'receive 40 85 ' + record('17', 80),
      'send 41 35 ' + record('17', 30),
      'send 90 35 ' + record('17', 30),
      'receive 100 85 ' + record('17', 80),
    ],
    [
      'request',
      'response 10.0 several',
      'request',
      'response 10.0 several',
      'request',
      'response 10.0 several',
    ],
  ],
  [
    'WebSocket: a ping is nothing',
    'client',
    [
      `send 0 50 ${GET}`,
      String.raw`receive 5 50 HTTP/1.1 101 Switching\r\n\r\n`,
      String.raw`send 10 9 \x89`,
      String.raw`send 20 9 \x81`,
      String.raw`receive 25 9 \x8a`,
      String.raw`receive 30 9 \x81`,
    ],
    ['request', 'response 5.0', 'request', 'response 10.0'],
  ],
  [
    'WebSocket: publications tell as soon after a slow upgrade that they get no answer',
    'client',
    [
      `send 0 50 ${GET}`,
      String.raw`receive 90 50 HTTP/1.1 101 Switching\r\n\r\n`,
      ...Array.from({ length: 12 }, (_, index) => String.raw`send ${100 + 50 * index} 9 \x81`),
    ],
    ['request', 'response 90.0', 'request', 'void'],
  ],
];
