import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { PastPrometheus } from '../prometheus/prometheus.js';
import { workloadPast } from './busy-workload.js';
import { untilTaken } from './until-taken.js';
import { peerAddress, PEERS, podNames, serviceAddress, workloadName, type FleetSize } from './size-fleet.js';

/** Seconds of the past before this process, and of the future that a measurement may take. */
const PAST = 4200;
const FUTURE = 3600;
const SCRAPE_INTERVAL = 15;
/** Written at once. */
const BATCH = 200;
/** The workload that is measured; the fleet consists of copies of it. */
const MODEL = workloadName(0);
/** The peers of the model: addresses that its own name is not part of. */
const MODEL_PEERS = Array.from({ length: PEERS }, (_, peer) => serviceAddress(100_000 + peer));

interface Body {
  readonly data?: { readonly resultType?: string; readonly result: readonly unknown[] };
}

/**
 * A Prometheus that answers as if it held a fleet: a real one with one workload evaluates the query, and each row of its
 * answer is repeated for every workload. So expressions and rows are real, and no machine with millions of series is needed.
 */
export class FleetPrometheus {
  queries = 0;
  /** Length of the longest answer so far. */
  longest = 0;
  readonly #model = new PastPrometheus();
  readonly #server: Server;

  constructor(private readonly size: FleetSize) {
    this.#server = createServer((request, response) => {
      void this.#respond(request, response);
    });
  }

  async start(): Promise<void> {
    const now = Date.now() / 1000;
    const [from, to] = [Math.floor(now - PAST), Math.ceil(now + FUTURE)];
    const series = workloadPast(MODEL, podNames(0, this.size.pods), MODEL_PEERS, from);
    series.sort((a, b) => (a.metric < b.metric ? -1 : a.metric > b.metric ? 1 : 0));
    await this.#model.start({ from, to, scrapeInterval: SCRAPE_INTERVAL, series });
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    this.#server.close();
    this.#server.closeAllConnections();
    await this.#model.stop();
  }

  async #respond(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let form = '';
    for await (const chunk of request) form += String(chunk);
    const { method = 'GET', url = '/' } = request;
    const headers = { 'content-type': 'application/x-www-form-urlencoded' };
    const answer = await fetch(`${this.#model.url}${url}`, {
      method,
      ...(method === 'POST' && { headers, body: form }),
    });
    const text = await answer.text();
    this.queries++;
    response.writeHead(answer.status, {
      'content-type': 'application/json',
      date: answer.headers.get('date') ?? '',
    });
    const { data } = JSON.parse(text) as Body;
    const rows = Array.isArray(data?.result) ? data.result.map((row) => JSON.stringify(row)) : [];
    if (!rows.some((row) => row.includes(MODEL))) response.end(text);
    else await this.#repeat(rows, data?.resultType ?? '', response);
  }

  async #repeat(rows: readonly string[], type: string, response: ServerResponse): Promise<void> {
    const { workloads } = this.size;
    const model = rows.join(',');
    let length = 0;
    response.write(`{"status":"success","data":{"resultType":"${type}","result":[`);
    for (let from = 0; from < workloads; from += BATCH) {
      const count = Math.min(BATCH, workloads - from);
      const copies = Array.from({ length: count }, (_, index) => this.#copy(model, from + index));
      const text = (from === 0 ? '' : ',') + copies.join(',');
      length += text.length;
      if (response.destroyed) return;
      if (!response.write(text)) await untilTaken(response);
    }
    this.longest = Math.max(this.longest, length);
    response.end(']}}');
  }

  #copy(model: string, workload: number): string {
    let text = model.replaceAll(MODEL, workloadName(workload));
    MODEL_PEERS.forEach((address, peer) => {
      text = text.replaceAll(`"${address}"`, `"${peerAddress(workload, peer, this.size.workloads)}"`);
    });
    return text;
  }
}
