import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import type { Reason } from '../../native/index.js';
import { eventually } from '../eventually.js';
import { cgroupRoot } from './mounts.js';
import { testTruth } from './reason-table.js';
import type { Row } from './reason-table.js';

const standalone = (reason: Reason, program: string, ...args: readonly string[]): Row => ({
  workload: [program, ...args].join(' '),
  reason,
  start: (group) => group.run(program, args),
});

/** Four threads, one of which computes while the others wait. */
const contended = (reason: Reason, mode: string, otherThreads: readonly Reason[] = []): Row => ({
  ...standalone(reason, 'lock', mode),
  otherThreads,
  computes: true,
});

const disk = (mode: string, program = 'disk', reason: Reason = 'disk'): Row => ({
  workload: `${program} ${mode}`,
  reason,
  start: (group, sandbox) => group.run(program, [mode, `${sandbox.scratch}/${program}-${mode}`]),
});

const ipc = (mode: string, reason: Reason = 'ipc'): Row => ({
  workload: `ipc ${mode}`,
  reason,
  start: (group) => group.run('ipc', [mode, `${cgroupRoot()}/cgroup.procs`]),
});

/** Waits for the responses of a slow server. */
const client = (program: string, ...args: readonly string[]): Row => ({
  workload: `${[program, ...args].join(' ')} on a slow server`,
  reason: 'network',
  start: async (group, sandbox) => {
    const { detail: port } = await sandbox.group().run('server', ['recv', '20']);
    return group.run(program, [...args, String(port), ...(program === 'client' ? ['0'] : [])]);
  },
});

/** A server whose client sends a request 20 ms after each response. */
const server = (mode: string, clientMode = 'recv'): Row => ({
  workload: `server ${mode} with a slow client`,
  reason: 'idle',
  start: async (group, sandbox) => {
    const serving = await group.run('server', [mode, '0']);
    await sandbox.group().run('client', [clientMode, String(serving.detail), '20']);
    return serving;
  },
});

/** Waits for the responses of a slow server, both using multipath TCP. */
const multipathClient: Row = {
  workload: 'client multipath on a slow server',
  reason: 'network',
  start: async (group, sandbox) => {
    const { detail: port } = await sandbox.group().run('server', ['multipath', '20']);
    return group.run('client', ['multipath', String(port), '0']);
  },
};

const datagramClient = (mode: string): Row => ({
  workload: `datagram ${mode} on a slow server`,
  reason: 'network',
  start: async (group, sandbox) => {
    const { detail: port } = await sandbox.group().run('datagram', ['server', '20', 'low']);
    return group.run('datagram', [mode, String(port)]);
  },
});

const datagramServer = (port: 'low' | 'high'): Row => ({
  workload: `datagram server on a ${port} port with a client`,
  reason: 'idle',
  start: async (group, sandbox) => {
    const serving = await group.run('datagram', ['server', '0', port]);
    await sandbox.group().run('datagram', ['slow', String(serving.detail)]);
    return serving;
  },
});

/** Stopped and resumed in the middle of a sleep, as by a debugger or a checkpoint. */
const resumed: Row = {
  workload: 'wait forever, stopped and resumed',
  reason: 'sleep',
  start: async (group) => {
    const workload = await group.run('wait', ['forever']);
    process.kill(workload.pid, 'SIGSTOP');
    process.kill(workload.pid, 'SIGCONT');
    return workload;
  },
};

/** Frozen, as by `docker pause`: the kernel keeps the threads from running. */
const paused: Row = {
  workload: 'burn, paused',
  reason: 'sleep',
  start: async (group) => {
    const workload = await group.run('burn');
    writeFileSync(`${group.path}/cgroup.freeze`, '1');
    return workload;
  },
};

/** The same under the freezer of cgroup v1, which leaves blocked threads where they are. */
const frozen: Row = {
  workload: 'lock mutex, frozen under cgroup v1',
  reason: 'sleep',
  legacy: 'freezer',
  start: async (group, sandbox) => {
    const workload = await group.run('lock', ['mutex']);
    const freezer = sandbox.legacyGroup('freezer', 'frozen')!;
    writeFileSync(join(freezer, 'cgroup.procs'), String(workload.pid));
    writeFileSync(join(freezer, 'freezer.state'), 'FROZEN');
    await eventually('it is frozen', () =>
      readFileSync(join(freezer, 'freezer.state'), 'utf8').startsWith('FROZEN'),
    );
    return workload;
  },
};

/** Reads through the page cache what another process, in the same group, serves. */
const fuse = (mode: string): Row => ({
  workload: `fuse ${mode}`,
  reason: 'ipc',
  otherThreads: ['idle', 'sleep'],
  start: async (group, sandbox) => {
    const directory = join(sandbox.scratch, `fuse-${mode}`);
    mkdirSync(directory);
    return group.run('fuse', [mode, directory]);
  },
});

/** Connects to a server whose accept queue is full. */
const connecting = (mode: string): Row => ({
  workload: `connect ${mode} to a server that is full`,
  reason: 'network',
  start: async (group, sandbox) => {
    const { detail: port } = await sandbox.group().run('netserver', ['full', 'ipv4']);
    return group.run('connect', [mode, String(port)]);
  },
});

/** Waits on a connection without an outstanding request. */
const idleClient = (mode: string, serverMode = 'recv', milliseconds = 0): Row => ({
  workload: `client ${mode}, without an outstanding request`,
  reason: 'idle',
  start: async (group, sandbox) => {
    const { detail: port } = await sandbox.group().run('server', [serverMode, String(milliseconds)]);
    return group.run('client', [mode, String(port), '0']);
  },
});

/** docs/probes.md explains the reasons that differ from the obvious ones. */
const TRUTH: readonly Row[] = [
  disk('direct'),
  disk('fsync'),
  disk('buffered'),
  disk('fault'),
  disk('aio'),
  disk('aio-idle', 'disk', 'idle'),
  disk('disk', 'uring'),
  { ...disk('disk-thread', 'uring'), otherThreads: ['idle'] }, // the kernel's submission thread when it has nothing to submit
  standalone('sleep', 'uring', 'timer', '-'),
  standalone('idle', 'uring', 'accept', '-'),
  standalone('idle', 'uring', 'registered', '-'),
  client('uring', 'client'),
  client('uring', 'timed'),
  disk('written', 'uring', 'idle'),
  { ...client('uring', 'thread'), otherThreads: ['idle'] },
  contended('lock', 'mutex'),
  contended('lock', 'stack-mutex'),
  contended('lock', 'pi'),
  contended('lock', 'robust'),
  contended('lock', 'rwlock'),
  contended('lock', 'sysv-lock'),
  contended('lock', 'exits', ['idle']),
  contended('idle', 'semaphore-lock'),
  standalone('idle', 'lock', 'condvar'),
  standalone('idle', 'lock', 'condvar-again'),
  standalone('idle', 'lock', 'semaphore'),
  standalone('idle', 'lock', 'sysv'),
  standalone('idle', 'lock', 'join'),
  standalone('sleep', 'wait', 'nanosleep'),
  standalone('sleep', 'wait', 'poll'),
  standalone('sleep', 'wait', 'select'),
  standalone('sleep', 'wait', 'timerfd'),
  resumed,
  paused,
  frozen,
  { ...standalone('reclaim', 'memory'), memory: 16 << 20 },
  fuse('read'),
  fuse('send'),
  standalone('idle', 'wait', 'child'),
  standalone('idle', 'wait', 'signal'),
  standalone('idle', 'wait', 'futex2'),
  standalone('ipc', 'wait', 'fault'),
  ipc('pipe'),
  ipc('unix'),
  ipc('eventfd'),
  ipc('client'),
  ipc('server', 'idle'),
  client('client', 'recv'),
  client('client', 'poll'),
  client('client', 'epoll'),
  client('client', 'nested'),
  multipathClient,
  connecting('blocking'),
  connecting('poll'),
  connecting('epoll'),
  client('pooled', '1', '8'),
  client('pooled', '4', '2'),
  { ...standalone('network', 'lowport', 'tcp'), otherThreads: ['sleep', 'idle'] },
  { ...standalone('network', 'lowport', 'udp'), otherThreads: ['sleep', 'idle'] },
  datagramClient('connected'),
  datagramClient('unconnected'),
  datagramClient('poll'),
  datagramClient('dns'),
  datagramServer('low'),
  datagramServer('high'),
  server('recv'),
  server('unqueued'),
  server('epoll'),
  server('multipath', 'multipath'),
  standalone('idle', 'server', 'recv', '0'),
  idleClient('silent'),
  idleClient('once'),
  idleClient('multipath-once', 'multipath', 20),
];

describe('reasons of blocked threads', () => {
  testTruth(TRUTH);
});
