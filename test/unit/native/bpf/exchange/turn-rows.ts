import type { Row } from './row.js';

const FIN_WAIT1 = 4;
const CLOSE = 7;
const CLOSE_WAIT = 8;
const LAST_ACK = 9;

export const turns: Row[] = [
  ['a response closes the turn', 'client', ['send 0 50', 'receive 20 100'], ['request', 'response 20.0']],
  [
    'the last byte of a request counts',
    'client',
    ['send 0 40', 'send 0.5 60', 'receive 20.5 9'],
    ['request', 'response 20.0'],
  ],
  [
    'a piece far behind the others may be another request',
    'client',
    ['send 0 40', 'send 3 60', 'receive 23 9'],
    ['request', 'response 20.0 overlapped'],
  ],
  [
    'the rest of an upload is none',
    'client',
    ['send 0 40', 'send 3 5000', 'receive 23 9'],
    ['request', 'response 20.0'],
  ],
  [
    'what comes soon after a response belongs to it',
    'client',
    ['send 0 9', 'receive 20 9', 'receive 20.5 9'],
    ['request', 'response 20.0'],
  ],
  [
    'what comes late is marked, once',
    'client',
    ['send 0 9', 'receive 20 9', 'receive 30 9', 'receive 40 9'],
    ['request', 'response 20.0', 'ambiguous'],
  ],
  [
    'a pause before the next request is thinking',
    'server',
    ['receive 0 9', 'send 20 9', 'receive 220 9'],
    ['request', 'response 20.0', 'think 200.0', 'request', 'outstanding 1'],
  ],
  [
    'reads in pieces are one request',
    'server',
    ['arrive 0 100', 'read 1 4', 'read 1 96', 'send 20 9'],
    ['request', 'response 20.0'],
  ],
  [
    'what is unread after a response is the next request',
    'server',
    ['arrive 0 9', 'arrive 5 9', 'read 6 9', 'send 20 9', 'read 20 9', 'send 30 9'],
    ['request', 'response 15.0', 'request', 'response 10.0 overlapped'],
  ],
  [
    'a push while nothing of the request was read is none',
    'server',
    ['arrive 0 9', 'survey 1', 'send 2 9', 'read 10 9', 'send 20 9'],
    ['request', 'response 20.0'],
  ],
  [
    'a survey counts what nobody has read',
    'server',
    ['arrive 0 9', 'survey 1'],
    ['request', 'outstanding 1'],
  ],
  [
    'the client answers a greeting',
    'client',
    ['receive 1 70', 'send 2 60', 'receive 3 11', 'send 10 20', 'receive 30 9'],
    ['request', 'response 20.0'],
  ],
  [
    'a publisher ceases to be due',
    'client',
    ['send 0 9', 'send 1000 9', 'send 2000 9', 'send 3000 9'],
    ['request', 'void'],
  ],
  [
    'a wait far beyond the usual is long',
    'client',
    ['send 0 9', 'receive 10 9', 'send 20 9', 'receive 520 9'],
    ['request', 'response 10.0', 'request', 'response 500.0 long'],
  ],
];

export const ends: Row[] = [
  [
    'the client that closes has abandoned its request',
    'client',
    ['send 0 50', `state 60 ${String(FIN_WAIT1)} closed`],
    ['request', 'abandoned'],
  ],
  [
    'the server sees it go',
    'server',
    ['receive 0 50', `state 60 ${String(CLOSE_WAIT)}`, `state 70 ${String(LAST_ACK)} closed`],
    ['request', 'abandoned'],
  ],
  [
    'the server that closes has dropped the request',
    'server',
    ['receive 0 50', `state 60 ${String(FIN_WAIT1)} closed`],
    ['request', 'dropped'],
  ],
  [
    'the client sees it hang up',
    'client',
    ['send 0 50', `state 60 ${String(CLOSE_WAIT)}`],
    ['request', 'dropped'],
  ],
  [
    'a reset is the end of whoever sent it',
    'client',
    ['send 0 50', `state 60 ${String(CLOSE)} failed`],
    ['request', 'dropped'],
  ],
  [
    'a last short message takes leave',
    'client',
    ['send 0 9', `state 5 ${String(FIN_WAIT1)} closed`],
    ['request', 'void'],
  ],
  [
    'PostgreSQL says X',
    'client',
    [String.raw`send 0 20 abcdefgh`, 'receive 10 9', String.raw`send 20 5 X\x00\x00\x00\x04`],
    ['request', 'response 10.0'],
  ],
  [
    'a client that ends its side only still waits',
    'client',
    ['send 0 50', `state 1 ${String(FIN_WAIT1)}`, 'receive 20 9'],
    ['request', 'response 20.0'],
  ],
  [
    'unread bytes at the end were a request',
    'server',
    ['arrive 0 50', `state 60 ${String(CLOSE)} failed`],
    ['request', 'abandoned'],
  ],
  [
    'a response to a client that has gone is in vain',
    'server',
    ['receive 0 50', `state 60 ${String(CLOSE_WAIT)}`, 'send 70 9', `state 71 ${String(CLOSE)} failed`],
    ['request', 'response 70.0', 'in vain'],
  ],
];
