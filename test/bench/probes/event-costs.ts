import { availableParallelism } from 'node:os';
import type { ProbeName } from '../../../native/layout.js';
import type { Hook } from './baseline.js';
import { MANY, type Load } from './bench.js';
import { OURS_WITH_KTIME, tool, type Contender } from './contenders.js';
import type { Goal } from './rows.js';

/** Cost of one event: the kernel's account of our programs less its account of an empty program. */
export interface EventCost {
  readonly name: string;
  readonly hook: Hook;
  readonly probe: ProbeName;
  readonly loads: readonly EventLoad[];
  readonly peers: readonly Contender[];
  /** Peers that only together measure what ours does, and a variant of ours with the peers' clock. */
  readonly together?: {
    readonly peers: readonly string[];
    readonly ours: readonly Goal[];
    readonly variant: Contender;
    readonly variantTarget: string;
    readonly variantGoals: readonly Goal[];
  };
  /** Number of events. */
  readonly units: (hookRuns: number, operations: number) => number;
}

export interface EventLoad {
  readonly what: string;
  readonly load: Load;
  readonly goals: readonly Goal[];
}

const TOGETHER = ['runqlat', 'cpudist', 'cpudist -O'];

const BPFTRACE_STATES = `
  tracepoint:sched:sched_wakeup, tracepoint:sched:sched_wakeup_new { @queued[args->pid] = nsecs; }
  tracepoint:sched:sched_switch {
    if (args->prev_state == 0) { @queued[args->prev_pid] = nsecs; } else { @blocked[args->prev_pid] = nsecs; }
    $queued = @queued[args->next_pid];
    if ($queued) { @runqueue = hist(nsecs - $queued); delete(@queued[args->next_pid]); }
    $blocked = @blocked[args->next_pid];
    if ($blocked) { @offcpu = hist(nsecs - $blocked); delete(@blocked[args->next_pid]); }
  }`;

const BPFTRACE_TURNAROUND = `
  tracepoint:sock:sock_send_length { @sent[args->sk] = nsecs; }
  tracepoint:sock:sock_recv_length {
    $sent = @sent[args->sk];
    if ($sent) { @wait = hist(nsecs - $sent); delete(@sent[args->sk]); }
  }`;

const pair = { members: 2, cgroups: 'pair' } as const;

export const EVENT_COSTS: readonly EventCost[] = [
  {
    name: 'switch',
    hook: 'nothing_switch',
    probe: 'scheduler',
    loads: [
      {
        what: 'context switch, hot',
        load: { kind: 'ring', ...pair, milliseconds: 150 },
        goals: [{ of: 'ours', atMost: 90 }],
      },
      {
        what: `context switch, ${MANY} cgroups`,
        load: { kind: 'ring', members: MANY, cgroups: 'many', milliseconds: 200 },
        goals: [{ of: 'ours', atMost: 140 }],
      },
    ],
    peers: [
      ...TOGETHER.map((name) => tool(name)),
      tool('offcputime', ['offcputime', '1000000']),
      tool('bpftrace, run queue and off-CPU', ['bpftrace', '-e', BPFTRACE_STATES]),
    ],
    together: {
      peers: TOGETHER,
      ours: [{ of: 'ratio', atMost: 0.12 }],
      variant: OURS_WITH_KTIME,
      variantTarget: 'build/ktime/kernscale.node',
      variantGoals: [{ of: 'ratio', atMost: 0.2 }],
    },
    units: (hookRuns) => hookRuns,
  },
  {
    name: 'block',
    hook: 'nothing_block',
    probe: 'blockio',
    loads: [
      {
        what: 'block request',
        load: { kind: 'disk', members: 2, cgroups: 'pair', milliseconds: 300 },
        goals: [
          { of: 'ours', atMost: 450 },
          { of: 'ratio', atMost: 1 },
        ],
      },
    ],
    peers: [tool('biolatency')],
    units: (hookRuns) => hookRuns,
  },
  {
    name: 'tcp',
    hook: 'nothing_tcp',
    probe: 'tcp',
    loads: [
      {
        what: 'TCP message sent or received',
        load: { kind: 'tcp', ...pair, milliseconds: 250 },
        goals: [{ of: 'ratio', atMost: 0.4 }],
      },
    ],
    peers: [tool('bpftrace, turnaround', ['bpftrace', '-e', BPFTRACE_TURNAROUND]), tool('tcprtt')],
    // The hook runs where a message is sent.
    units: (hookRuns) => 2 * hookRuns,
  },
  {
    name: 'connection',
    hook: 'nothing_state',
    probe: 'tcp',
    loads: [
      {
        what: 'TCP connection, both ends, opened and closed',
        load: { kind: 'connect', ...pair, milliseconds: 200 },
        goals: [],
      },
    ],
    peers: [tool('tcplife')],
    units: (_, operations) => operations,
  },
  {
    name: 'sample',
    hook: 'nothing_sample',
    probe: 'sampling',
    loads: [
      {
        what: 'sample of a running thread',
        load: { kind: 'burn', members: availableParallelism(), cgroups: 'pair', milliseconds: 700 },
        goals: [],
      },
    ],
    peers: [tool('bpftrace, profile:hz:99', ['bpftrace', '-e', 'profile:hz:99 { @[comm] = count(); }'])],
    units: (hookRuns) => hookRuns,
  },
];
