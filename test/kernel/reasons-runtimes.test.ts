import type { Reason } from '../../native/index.js';
import { testTruth } from './reason-table.js';
import type { Row } from './reason-table.js';

const standalone = (
  reason: Reason,
  program: string,
  mode: string,
  otherThreads: readonly Reason[] = [],
): Row => ({
  workload: `${program} ${mode}`,
  reason,
  otherThreads,
  program,
  start: (group) => group.run(program, [mode]),
});

/** Four threads, one of which computes while the others wait. */
const contended = (
  reason: Reason,
  program: string,
  mode: string,
  otherThreads: readonly Reason[] = [],
): Row => ({
  ...standalone(reason, program, mode, otherThreads),
  computes: true,
});

/** Sends requests to a slow server and reports the response times; the runtime's other threads are parked. */
const client = (
  program: string,
  mode = 'client',
  otherThreads: readonly Reason[] = ['idle', 'sleep'],
): Row => ({
  workload: `${program} ${mode} on a slow server`,
  reason: 'network',
  otherThreads,
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
const server = (program: string, otherThreads: readonly Reason[] = []): Row => ({
  workload: `${program} server with a slow client`,
  reason: 'idle',
  otherThreads,
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
  otherThreads: ['idle', 'lock'],
  program: 'waits-node',
  start: (group, sandbox) => group.run('waits-node', ['files', `${sandbox.scratch}/files`]),
};

/** docs/probes.md explains the reasons that differ from the obvious ones. */
const TRUTH: readonly Row[] = [
  contended('lock', 'lock-musl', 'mutex'),
  contended('lock', 'lock-musl', 'stack-mutex'),
  contended('lock', 'lock-musl', 'pi'),
  contended('idle', 'lock-musl', 'semaphore-lock'),
  standalone('idle', 'lock-musl', 'condvar'),
  standalone('idle', 'lock-musl', 'condvar-again'),
  standalone('idle', 'lock-musl', 'semaphore'),
  standalone('idle', 'lock-musl', 'join'),

  contended('idle', 'waits-go', 'mutex', ['sleep']),
  standalone('idle', 'waits-go', 'channel', ['sleep']),
  standalone('idle', 'waits-go', 'sleep', ['sleep']),
  client('waits-go'),
  server('waits-go', ['sleep']),

  contended('idle', 'waits-java', 'monitor'),
  contended('idle', 'waits-java', 'reentrant'),
  standalone('idle', 'waits-java', 'pool'),
  standalone('idle', 'waits-java', 'sleep'),
  client('waits-java'),
  server('waits-java'),

  standalone('idle', 'waits-python', 'lock', ['sleep']),
  standalone('idle', 'waits-python', 'queue'),
  standalone('sleep', 'waits-python', 'sleep'),
  standalone('idle', 'waits-python', 'child', ['sleep']),
  client('waits-python', 'client', []),
  client('waits-python', 'asyncio', []),
  server('waits-python'),

  standalone('idle', 'waits-node', 'timers'),
  standalone('idle', 'waits-node', 'workers'),
  nodeFiles,
  client('waits-node'),
];

describe('reasons of blocked threads, by runtime', () => {
  testTruth(TRUTH);
});
