import { once } from 'node:events';
import path from 'node:path';
import { MessageChannel, Worker } from 'node:worker_threads';
import { KernscaleError } from '../../../common/errors.js';
import type { PrometheusOptions } from '../../promql/client.js';
import type { Evaluate, EvaluatedChunk } from './evaluator.js';
import type { WorkerReply, WorkerRequest } from './worker.js';

/**
 * Calls `use` with an evaluator that runs on a thread of its own: parsing results takes about as long as the decisions
 * that are made from them.
 */
export async function withEvaluator<T>(
  options: Omit<PrometheusOptions, 'onQuery'>,
  use: (evaluate: Evaluate) => Promise<T>,
): Promise<T> {
  // Tests run the .ts sources, the installed program the .js files.
  const file = new URL(`./worker${path.extname(import.meta.url)}`, import.meta.url);
  const worker = new Worker(file, { workerData: options });
  const broken = once(worker, 'error').then(([error]) => Promise.reject(error as Error));
  try {
    return await Promise.race([broken, use((requested, grid) => call(worker, { requested, grid }))]);
  } finally {
    await worker.terminate();
  }
}

async function call(worker: Worker, request: WorkerRequest): Promise<EvaluatedChunk> {
  const { port1: here, port2: there } = new MessageChannel();
  worker.postMessage({ ...request, port: there }, [there]);
  const [reply] = (await once(here, 'message')) as [WorkerReply];
  here.close();
  if ('chunk' in reply) return reply.chunk;
  throw new KernscaleError(reply.code, reply.message);
}
