import type { Reason } from '../../native/index.js';
import { testTruth } from './reason-table.js';
import type { Row } from './reason-table.js';

const alone = (reason: Reason, program: string, mode: string, beside: readonly Reason[] = []): Row => ({
  workload: `${program} ${mode}`,
  reason,
  beside,
  program,
  start: (group) => group.run(program, [mode]),
});

/** Four threads, one of which computes while the others wait. */
const contended = (reason: Reason, program: string, mode: string, beside: readonly Reason[] = []): Row => ({
  ...alone(reason, program, mode, beside),
  computes: true,
});

/** Sends requests to a slow server and reports the response times; the runtime's other threads are parked. */
const client = (program: string, mode = 'client', beside: readonly Reason[] = ['idle', 'sleep']): Row => ({
  workload: `${program} ${mode} on a slow server`,
  reason: 'network',
  beside,
  program,
  start: async (group, sandbox) => {
    const { detail: port } =
      program === 'waits-node'
        ? await sandbox.group().run(program, ['server', '20'])
        : await sandbox.group().run('server', ['recv', '20']);
    return group.run(program, [mode, String(port)]);
  },
});

/** Serves a client that sends a request 20 ms after each response. */
const server = (program: string, beside: readonly Reason[] = []): Row => ({
  workload: `${program} server with a slow client`,
  reason: 'idle',
  beside,
  program,
  start: async (group, sandbox) => {
    const serving = await group.run(program, ['server', '0']);
    await sandbox.group().run('client', ['recv', String(serving.detail), '20']);
    return serving;
  },
});

/** Reports the times of its reads. Passing them to the pool and back briefly takes a lock. */
const nodeFiles: Row = {
  workload: 'waits-node files',
  reason: 'disk',
  beside: ['idle', 'lock'],
  program: 'waits-node',
  start: (group, sandbox) => group.run('waits-node', ['files', `${sandbox.scratch}/files`]),
};

/** docs/probes.md explains the reasons that differ from the obvious ones. */
const TRUTH: readonly Row[] = [
  contended('lock', 'lock-musl', 'mutex'),
  contended('lock', 'lock-musl', 'stack-mutex'),
  contended('lock', 'lock-musl', 'pi'),
  contended('idle', 'lock-musl', 'semaphore-lock'),
  alone('idle', 'lock-musl', 'condvar'),
  alone('idle', 'lock-musl', 'condvar-again'),
  alone('idle', 'lock-musl', 'semaphore'),
  alone('idle', 'lock-musl', 'join'),

  contended('idle', 'waits-go', 'mutex', ['sleep']),
  alone('idle', 'waits-go', 'channel', ['sleep']),
  alone('idle', 'waits-go', 'sleep', ['sleep']),
  client('waits-go'),
  server('waits-go', ['sleep']),

  contended('idle', 'waits-java', 'monitor'),
  contended('idle', 'waits-java', 'reentrant'),
  alone('idle', 'waits-java', 'pool'),
  alone('idle', 'waits-java', 'sleep'),
  client('waits-java'),
  server('waits-java'),

  alone('idle', 'waits-python', 'lock', ['sleep']),
  alone('idle', 'waits-python', 'queue'),
  alone('sleep', 'waits-python', 'sleep'),
  alone('idle', 'waits-python', 'child', ['sleep']),
  client('waits-python', 'client', []),
  client('waits-python', 'asyncio', []),
  server('waits-python'),

  alone('idle', 'waits-node', 'timers'),
  alone('idle', 'waits-node', 'workers'),
  nodeFiles,
  client('waits-node'),
];

describe('reasons of blocked threads, by runtime', () => {
  testTruth(TRUTH);
});
