import { execFile } from 'node:child_process';

export interface Ended {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Node's flag to run TypeScript on every thread: `--import=tsx` does so on the first only. */
export const TYPESCRIPT = `--import=data:text/javascript,import{register}from"${import.meta.resolve('tsx/esm/api')}";register()`;

/** Runs the `kernscale` command to its end. */
export function kernscale(...argv: string[]): Promise<Ended> {
  return new Promise((resolve) => {
    execFile(process.execPath, [TYPESCRIPT, 'scaler/cli.ts', ...argv], (error, stdout, stderr) => {
      resolve({ status: error ? Number(error.code) : 0, stdout, stderr });
    });
  });
}
