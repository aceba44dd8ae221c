import { expect } from 'chai';
import { setTimeout as sleep } from 'node:timers/promises';

import type { Reason } from '../../native/index.js';
import { Sandbox, blocked, cgroupRoot, describeStates, measure } from './harness.js';
import { useKernel } from './suite.js';
import type { Group } from './harness.js';

interface Row {
  readonly workload: string;
  readonly reason: Reason;
  /** Starts it inside the group; peers go into groups of their own. */
  readonly start: (group: Group, sandbox: Sandbox) => Promise<unknown>;
}

const alone = (reason: Reason, program: string, ...args: readonly string[]): Row => ({
  workload: [program, ...args].join(' '),
  reason,
  start: (group) => group.run(program, args),
});

const disk = (mode: string): Row => ({
  workload: `disk ${mode}`,
  reason: 'disk',
  start: (group, sandbox) => group.run('disk', [mode, `${sandbox.scratch}/${mode}`]),
});

const ipc = (mode: string): Row => ({
  workload: `ipc ${mode}`,
  reason: 'ipc',
  start: (group) => group.run('ipc', [mode, `${cgroupRoot()}/cgroup.procs`]),
});

/** A client on a server that takes its time. */
const client = (mode: string, server = 'recv'): Row => ({
  workload: `client ${mode} on a slow server`,
  reason: 'network',
  start: async (group, sandbox) => {
    const { detail: port } = await sandbox.group().run('server', [server, '20']);
    return group.run('client', [mode, String(port), '0']);
  },
});

/** A server whose client thinks longer than it is served; serving costs it nothing. */
const server = (mode: string, asking = 'recv'): Row => ({
  workload: `server ${mode} with a slow client`,
  reason: 'idle',
  start: async (group, sandbox) => {
    const { detail: port } = await group.run('server', [mode, '0']);
    return sandbox.group().run('client', [asking, String(port), '20']);
  },
});

/** Workload -> the reason for which its threads are blocked. */
const TRUTH: readonly Row[] = [
  disk('direct'),
  disk('fsync'),
  disk('fault'),
  disk('aio'),
  alone('lock', 'lock', 'mutex'),
  alone('idle', 'lock', 'condvar'),
  alone('idle', 'lock', 'semaphore'),
  alone('sleep', 'wait', 'nanosleep'),
  alone('sleep', 'wait', 'poll'),
  alone('sleep', 'wait', 'timerfd'),
  alone('idle', 'wait', 'child'),
  alone('idle', 'wait', 'signal'),
  ipc('pipe'),
  ipc('unix'),
  ipc('eventfd'),
  client('recv'),
  client('poll'),
  client('epoll'),
  client('udp', 'udp'),
  server('recv'),
  server('epoll'),
  server('udp', 'udp'),
  alone('idle', 'server', 'recv', '0'),
  {
    workload: 'client that never asks',
    reason: 'idle',
    start: async (group, sandbox) => {
      const { detail: port } = await sandbox.group().run('server', ['recv', '20']);
      return group.run('client', ['silent', String(port), '0']);
    },
  },
];

const WINDOW_MS = 1_500;
const SHARE = 0.95;
const OTHER_SHARE = 0.01;

describe('reasons of blocked threads', () => {
  const kernel = useKernel({ maxContainers: 64 });

  for (const { workload, reason, start } of TRUTH) {
    it(`${workload}: ${reason}`, async () => {
      const group = kernel.sandbox.group();
      await start(group, kernel.sandbox);
      await sleep(100);
      const { states } = await measure(kernel.probes, group, () => sleep(WINDOW_MS));
      const time = blocked(states);
      expect(time, describeStates(states)).to.be.above(0);
      expect(states[reason] / time, describeStates(states)).to.be.at.least(SHARE);
      expect(states.other / time, describeStates(states)).to.be.at.most(OTHER_SHARE);
    });
  }
});
