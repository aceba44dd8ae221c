import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import type { Result, Task } from './tasks.js';

/**
 * Runs tasks in a process per CPU.
 *
 * @param done is called after each task
 * @returns results in the order of the tasks
 * @throws Error that names the task whose process ended; what it threw is on standard error
 */
export async function performAll(
  tasks: readonly Task[],
  done: (task: Task, finished: number) => void,
): Promise<Result[]> {
  const results = new Array<Result>(tasks.length);
  let [next, finished] = [0, 0];
  const work = async (): Promise<void> => {
    const worker = fork(join(import.meta.dirname, 'worker.ts'));
    try {
      while (next < tasks.length) {
        const index = next++;
        results[index] = await performOn(worker, tasks[index]!);
        done(tasks[index]!, ++finished);
      }
    } finally {
      next = tasks.length;
      worker.kill();
    }
  };
  await Promise.all(Array.from({ length: Math.min(availableParallelism(), tasks.length) }, work));
  return results;
}

async function performOn(worker: ChildProcess, task: Task): Promise<Result> {
  const settled = new AbortController();
  const { signal } = settled;
  worker.send(task);
  try {
    const answered = once(worker, 'message', { signal }) as Promise<[Result]>;
    const ended = once(worker, 'exit', { signal }).then(() => {
      throw new Error(`the run ${JSON.stringify(task)} failed`);
    });
    const [result] = await Promise.race([answered, ended]);
    return result;
  } finally {
    settled.abort();
  }
}
