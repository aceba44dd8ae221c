import { parentPort, workerData, type MessagePort } from 'node:worker_threads';
import { errorCode, errorMessage } from '../../../common/errors.js';
import { PrometheusClient, type PrometheusOptions } from '../../promql/client.js';
import type { Grid } from '../../promql/range.js';
import { evaluateChunk, type EvaluatedChunk, type RangeQueries, type Requested } from './evaluator.js';

export interface WorkerRequest {
  readonly requested: Requested;
  readonly grid: Grid;
}

/** Structured cloning drops the code of an error, so it is sent apart. */
export type WorkerReply =
  { readonly chunk: EvaluatedChunk } | { readonly code: string; readonly message: string };

const client = new PrometheusClient(workerData as PrometheusOptions);
const queries: RangeQueries = {
  values: (expr, grid) => client.queryRange(expr, grid),
  sampleTimes: (selector, grid) => client.sampleTimes(selector, grid),
};

parentPort!.on('message', ({ requested, grid, port }: WorkerRequest & { readonly port: MessagePort }) => {
  void evaluateChunk(queries, requested, grid).then(
    (chunk) => {
      port.postMessage({ chunk } satisfies WorkerReply, buffersOf(chunk));
    },
    (error: unknown) => {
      const reply: WorkerReply = { code: errorCode(error) ?? 'INTERNAL', message: errorMessage(error) };
      port.postMessage(reply);
    },
  );
});

/** Buffers to transfer instead of copying them. */
function buffersOf({ values, sampleTimes }: EvaluatedChunk): ArrayBuffer[] {
  const series = [...values.values(), ...sampleTimes.values()].flatMap((result) =>
    'series' in result ? result.series : [],
  );
  return [...new Set(series.flatMap((one) => [one.values.buffer, one.present.buffer]))] as ArrayBuffer[];
}
