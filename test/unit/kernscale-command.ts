import { execFile } from 'node:child_process';

export interface Ended {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the `kernscale` command to its end. */
export function kernscale(...argv: string[]): Promise<Ended> {
  return new Promise((resolve) => {
    execFile(process.execPath, ['--import=tsx', 'scaler/cli.ts', ...argv], (error, stdout, stderr) => {
      resolve({ status: error ? Number(error.code) : 0, stdout, stderr });
    });
  });
}
