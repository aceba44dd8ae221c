import { spawn, execFile, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readdir, readFile } from 'node:fs/promises';
import { Agent, get } from 'node:http';
import { promisify } from 'node:util';
import { text } from 'node:stream/consumers';
import { fromRoot } from '../../sandbox/paths.js';

const run = promisify(execFile);
const BUILD = fromRoot('sandbox/workloads/build/');

export async function build(): Promise<void> {
  await run('make', ['-C', fromRoot('sandbox/workloads')]);
}

/** A running demo server. */
export interface Server {
  readonly pid: number;
  /** `host:port` it listens on. */
  readonly address: string;
  /** Ends it by SIGTERM. @returns its exit status and the seconds that this took */
  stop(): Promise<{ status: number | null; seconds: number }>;
}

const running = new Set<ChildProcess>();

/** Kills the processes that a failed test has left running. */
export function killAll(): void {
  for (const child of running) child.kill('SIGKILL');
}

export function launch(program: 'workload' | 'loadgen', args: readonly string[], env = {}): ChildProcess {
  const child = spawn(BUILD + program, args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    // /tmp may be in memory, /var/tmp is not.
    env: { PATH: process.env['PATH'], TMPDIR: '/var/tmp', ...env },
  });
  running.add(child);
  child.once('exit', () => running.delete(child));
  return child;
}

export async function startServer(kind: string, args: readonly string[] = [], env = {}): Promise<Server> {
  const listen = args.includes('--listen') ? [] : ['--listen', '127.0.0.1:0'];
  const child = launch('workload', [kind, ...listen, ...args], env);
  const [line] = (await once(child.stdout!, 'data')) as [Buffer];
  const exit = once(child, 'exit') as Promise<[number | null]>;
  return {
    pid: child.pid!,
    address: /listens on (\S+)/.exec(line.toString())![1]!,
    stop: async () => {
      const begin = performance.now();
      child.kill('SIGTERM');
      const [status] = await exit;
      return { status, seconds: (performance.now() - begin) / 1000 };
    },
  };
}

/** Output and exit status of a program that ends by itself. */
export async function finish(
  child: ChildProcess,
): Promise<{ status: number | null; out: string; err: string }> {
  const [[status], out, err] = await Promise.all([
    once(child, 'close') as Promise<[number | null]>,
    text(child.stdout!),
    text(child.stderr!),
  ]);
  return { status, out, err };
}

export interface Summary {
  sent: number;
  ok: number;
  failed: number;
  late: number;
  /** Seconds; null without responses. */
  p50: number | null;
  p99: number | null;
}

/** Runs the load generator until it ends. */
export async function load(address: string, ...args: string[]): Promise<Summary> {
  const { out } = await finish(launch('loadgen', [...args, `http://${address}/`]));
  return JSON.parse(out) as Summary;
}

/** A kept-alive connection to a server, for consecutive requests. */
export class Connection {
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 1 });

  constructor(readonly address: string) {}

  async get(path = '/'): Promise<{ status: number; body: string; seconds: number }> {
    const begin = performance.now();
    return new Promise((resolve, reject) => {
      const request = get(`http://${this.address}${path}`, { agent: this.#agent }, (response) => {
        text(response).then((body) => {
          resolve({ status: response.statusCode!, body, seconds: (performance.now() - begin) / 1000 });
        }, reject);
      });
      request.once('error', reject);
    });
  }

  close(): void {
    this.#agent.destroy();
  }
}

/** CPU seconds of the process' living threads, to the nanosecond. */
export async function cpuSeconds(pid: number): Promise<number> {
  const threads = await readdir(`/proc/${pid}/task`);
  const stats = await Promise.all(
    threads.map((thread) => readFile(`/proc/${pid}/task/${thread}/schedstat`, 'utf8')),
  );
  return stats.reduce((sum, stat) => sum + Number(stat.split(' ')[0]) / 1e9, 0);
}

/** A counter of /proc/PID/io, such as `read_bytes`: bytes read from a device. */
export async function ioBytes(pid: number, counter: string): Promise<number> {
  const io = await readFile(`/proc/${pid}/io`, 'utf8');
  return Number(new RegExp(`^${counter}: (\\d+)$`, 'm').exec(io)![1]);
}

/** Number of threads of a process. */
export async function threadCount(pid: number): Promise<number> {
  return (await readdir(`/proc/${pid}/task`)).length;
}
