import { parentPort, workerData, type MessagePort } from 'node:worker_threads';
import { errorCode, errorMessage } from '../../common/errors.js';
import { PrometheusClient, type PrometheusOptions } from '../promql/client.js';
import type { Grid } from '../promql/range.js';
import { fetchChunk, type Answers, type Questions } from './fetch.js';

export interface Asked {
  readonly questions: Questions;
  readonly grid: Grid;
}

/** An error loses its code on the way to another thread. */
export type Reply = { readonly answers: Answers } | { readonly code: string; readonly message: string };

let client: PrometheusClient | undefined;

parentPort!.on('message', ({ questions, grid, port }: Asked & { readonly port: MessagePort }) => {
  void answer(questions, grid).then(
    (answers) => {
      port.postMessage({ answers } satisfies Reply, buffersOf(answers));
    },
    (error: unknown) => {
      const reply: Reply = { code: errorCode(error) ?? 'INTERNAL', message: errorMessage(error) };
      port.postMessage(reply);
    },
  );
});

async function answer(questions: Questions, grid: Grid): Promise<Answers> {
  const asked = (client ??= new PrometheusClient(workerData as PrometheusOptions));
  const queries = {
    values: (expr: string, times: Grid) => asked.queryRange(expr, times),
    sampleTimes: (selector: string, times: Grid) => asked.sampleTimes(selector, times),
  };
  return fetchChunk(queries, questions, grid);
}

/** What is handed over in place of being copied. */
function buffersOf({ values, sampleTimes }: Answers): ArrayBuffer[] {
  const series = [...values.values(), ...sampleTimes.values()].flatMap((answer) =>
    'series' in answer ? answer.series : [],
  );
  return [...new Set(series.flatMap((one) => [one.values.buffer, one.present.buffer]))] as ArrayBuffer[];
}
