import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { constants } from 'node:os';
import type { Readable } from 'node:stream';

/**
 * Runs before the workload and in its place: makes sure the cluster's process is still there to send the
 * parent-death signal, enters the cgroups, becomes the command. Descriptor 3 closes when that is done.
 */
const SCRIPT = `
[ "$PPID" = "$1" ] || exit 1
shift
while [ "$1" != -- ]; do echo 0 > "$1" || exit 1; shift; done
shift
exec "$@" 3>&-
`;

export interface Launch {
  /** The cgroup.procs files to enter. */
  entrances: readonly string[];
  /** An absolute path and its arguments. */
  command: readonly string[];
  env: Readonly<Record<string, string>>;
  cwd: string;
  /** Where standard output and error are appended. */
  logPath: string;
}

export interface Launched {
  pid: number;
  /** Resolves when the process has ended. */
  exited: Promise<Exit>;
  kill(signal: NodeJS.Signals): void;
}

/** A process' end as a container runtime reports it: 128 + the signal's number when a signal ended it. */
export interface Exit {
  exitCode: number;
  signal: number | undefined;
}

/**
 * Starts a process and resolves once it runs its command. It is in its cgroups before its first instruction, it
 * dies with this process even by SIGKILL (`setpriv` of util-linux), and Ctrl-C in our terminal does not reach it.
 *
 * @throws the spawn's error when it cannot be started
 */
export async function launch({ entrances, command, env, cwd, logPath }: Launch): Promise<Launched> {
  const script = ['/bin/sh', '-c', SCRIPT, 'sh', String(process.pid), ...entrances, '--', ...command];
  const log = openSync(logPath, 'a', 0o640);
  try {
    const child = spawn('setpriv', ['--pdeathsig', 'KILL', ...script], {
      env,
      cwd,
      detached: true,
      stdio: ['ignore', log, log, 'pipe'],
    });
    const exited = exitOf(child);
    await becomesCommand(child);
    return {
      pid: child.pid!,
      exited,
      kill: (signal) => {
        child.kill(signal);
      },
    };
  } finally {
    closeSync(log);
  }
}

async function becomesCommand(child: ChildProcess): Promise<void> {
  const pipe = child.stdio[3] as Readable;
  await new Promise<void>((resolve, reject) => {
    child.once('error', reject);
    pipe.once('close', resolve).resume();
  });
}

function exitOf(child: ChildProcess): Promise<Exit> {
  return new Promise((resolve) => {
    child.once('exit', (code, name) => {
      const signal = name === null ? undefined : constants.signals[name];
      resolve({ exitCode: code ?? 128 + (signal ?? 0), signal });
    });
  });
}
