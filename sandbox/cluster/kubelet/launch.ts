import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { constants } from 'node:os';
import type { Readable } from 'node:stream';

/**
 * Runs before the command, in the same process: checks that the cluster's process, whose death must kill it, still
 * lives; enters the cgroups; executes the command. Descriptor 3 closes at that moment.
 */
const SCRIPT = `
[ "$PPID" = "$1" ] || exit 1
shift
while [ "$1" != -- ]; do echo 0 > "$1" || exit 1; shift; done
shift
exec "$@" 3>&-
`;

export interface Launch {
  /** The cgroup.procs files of the cgroups to enter. */
  procsFiles: readonly string[];
  /** An absolute path and its arguments. */
  command: readonly string[];
  env: Readonly<Record<string, string>>;
  cwd: string;
  /** Receives standard output and error. */
  logPath: string;
}

export interface Launched {
  pid: number;
  exited: Promise<Exit>;
  kill(signal: NodeJS.Signals): void;
}

/** Exit as a container runtime reports it: the code is 128 + the number of a signal that ended the process. */
export interface Exit {
  exitCode: number;
  signal: number | undefined;
}

/**
 * Starts a process and resolves once it executes its command. It is in its cgroups from the first instruction, the
 * kernel kills it when this process dies (`setpriv` of util-linux), and Ctrl-C on the terminal does not reach it.
 *
 * @throws the error of the spawn
 */
export async function launch({ procsFiles, command, env, cwd, logPath }: Launch): Promise<Launched> {
  const script = ['/bin/sh', '-c', SCRIPT, 'sh', String(process.pid), ...procsFiles, '--', ...command];
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
