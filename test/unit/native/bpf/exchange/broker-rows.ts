import type { Row } from './row.js';

const SET = String.raw`*3\r\n$3\r\nSET\r\n$1\r\na\r\n$1\r\nb`;
const BLPOP = String.raw`*3\r\n$5\r\nBLPOP\r\n$4\r\nlist`;

/** Message brokers and stores, of which some messages ask nothing. */
export const brokers: Row[] = [
  [
    'MQTT: a publication of quality 0 is nothing',
    'client',
    [
      String.raw`send 0 20 \x10\x12\x00\x04MQTT`,
      String.raw`receive 1 4 \x20\x02\x00\x00`,
      String.raw`send 10 9 \x30\x07`,
      String.raw`send 20 9 \x32\x07`,
      String.raw`receive 21 4 \x40\x02`,
    ],
    ['request', 'response 1.0', 'request', 'response 1.0'],
  ],
  [
    'Redis: BLPOP waits for work',
    'client',
    [
      `send 0 30 ${BLPOP}`,
      'receive 800 20',
      String.raw`send 850 30 *2\r\n$3\r\nGET\r\n$4\r\nname`,
      'receive 851 9',
    ],
    ['request', 'response 1.0'],
  ],
  [
    'Redis: work that is there at once is a response',
    'client',
    [`send 0 30 ${BLPOP}`, 'receive 0.5 20'],
    ['request', 'response 0.5'],
  ],
  [
    'Redis: BLPOP that arrives before the hook of the response before it waits for work',
    'server',
    [
      `receive 0 30 ${SET}`,
      `arrive 1 30 ${BLPOP}`,
      'send 2 5 +OK',
      'read 2 30',
      'send 300 5 *-1',
      `receive 310 30 ${SET}`,
      'send 312 5 +OK',
    ],
    ['request', 'response 2.0', 'request', 'void', 'request', 'response 2.0'],
  ],
  [
    'Redis: BLPOP that a read-out finds unread waits for work',
    'server',
    [`arrive 0 30 ${BLPOP}`, 'survey 20', 'read 40 30', 'send 800 20'],
    ['request', 'void'],
  ],
  [
    'NATS: only a publication that names a reply asks',
    'client',
    [
      'receive 0 50 INFO {',
      String.raw`send 1 40 CONNECT {"lang":"x"}`,
      String.raw`send 10 20 PUB a 3\r\nxyz`,
      String.raw`send 20 30 PUB a _INBOX.1 3\r\nxyz`,
      String.raw`receive 30 30 MSG _INBOX.1 1 3`,
    ],
    ['request', 'response 10.0'],
  ],
  [
    'AMQP: a publication and an acknowledgement are nothing, a declaration asks',
    'client',
    [
      String.raw`send 0 8 AMQP\x00\x00\x09\x01`,
      String.raw`receive 1 30 \x01\x00\x00\x00\x00\x00\x10\x00\x0a\x00\x0a`,
      String.raw`send 10 30 \x01\x00\x01\x00\x00\x00\x10\x00\x3c\x00\x28`,
      String.raw`send 20 30 \x01\x00\x01\x00\x00\x00\x10\x00\x3c\x00\x50`,
      String.raw`send 30 8 \x08\x00\x00\x00\x00\x00\x00\xce`,
      String.raw`send 40 30 \x01\x00\x01\x00\x00\x00\x10\x00\x32\x00\x0a`,
      String.raw`receive 45 30 \x01\x00\x01\x00\x00\x00\x10\x00\x3c\x00\x3c`,
      String.raw`receive 50 30 \x01\x00\x01\x00\x00\x00\x10\x00\x32\x00\x0b`,
    ],
    ['request', 'response 10.0'],
  ],
  [
    'Kafka: a fetch waits for work',
    'client',
    [
      String.raw`send 0 20 \x00\x00\x00\x10\x00\x12\x00\x03`,
      'receive 10 60',
      String.raw`send 20 20 \x00\x00\x00\x10\x00\x01\x00\x0b`,
      'receive 520 60',
      String.raw`send 600 20 \x00\x00\x00\x10\x00\x00\x00\x07`,
      'receive 605 60',
    ],
    ['request', 'response 10.0', 'request', 'response 5.0'],
  ],
];
