import { once } from 'node:events';
import path from 'node:path';
import { MessageChannel, Worker } from 'node:worker_threads';
import { KernscaleError } from '../../common/errors.js';
import type { PrometheusOptions } from '../promql/client.js';
import type { AskPast } from './fetch.js';
import type { Asked, Reply } from './past-worker.js';

/**
 * Lets something ask a Prometheus about the past. The answers are read on a thread of their own: that takes about as
 * long as to decide by them.
 */
export async function withPast<T>(
  options: Omit<PrometheusOptions, 'onQuery'>,
  use: (ask: AskPast) => Promise<T>,
): Promise<T> {
  // With the ending that this file has: tests run the sources.
  const file = new URL(`./past-worker${path.extname(import.meta.url)}`, import.meta.url);
  const worker = new Worker(file, { workerData: options });
  const broken = once(worker, 'error').then(([error]) => Promise.reject(error as Error));
  try {
    return await Promise.race([broken, use((questions, grid) => ask(worker, { questions, grid }))]);
  } finally {
    await worker.terminate();
  }
}

async function ask(worker: Worker, asked: Asked): ReturnType<AskPast> {
  const { port1: here, port2: there } = new MessageChannel();
  worker.postMessage({ ...asked, port: there }, [there]);
  const [reply] = (await once(here, 'message')) as [Reply];
  here.close();
  if ('answers' in reply) return reply.answers;
  throw new KernscaleError(reply.code, reply.message);
}
