import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { PROMETHEUS } from '../../sandbox/paths.js';

export type Labels = Readonly<Record<string, string>>;

/** A real Prometheus that scrapes every 250 ms. */
export class ScrapingPrometheus {
  readonly #directory = mkdtempSync(path.join(tmpdir(), 'kernscale-prometheus-'));
  #process: ChildProcess | undefined;
  #url = '';

  async start(scrape_configs: readonly object[], ...flags: readonly string[]): Promise<void> {
    const config = { global: { scrape_interval: '250ms', scrape_timeout: '200ms' }, scrape_configs };
    writeFileSync(path.join(this.#directory, 'prometheus.yml'), JSON.stringify(config));
    const port = await freePort();
    this.#url = `http://127.0.0.1:${port}`;
    this.#process = spawn(
      PROMETHEUS,
      [
        `--config.file=${this.#directory}/prometheus.yml`,
        `--storage.tsdb.path=${this.#directory}/data`,
        `--web.listen-address=127.0.0.1:${port}`,
        ...flags,
      ],
      { stdio: 'ignore' },
    );
  }

  /** The samples of an instant vector; none while Prometheus does not answer. */
  async query(expression: string): Promise<(readonly [labels: Labels, value: number])[]> {
    const parameters = new URLSearchParams({ query: expression }).toString();
    const response = await fetch(`${this.#url}/api/v1/query?${parameters}`).catch(() => undefined);
    if (response?.status !== 200) return [];
    const { data } = (await response.json()) as {
      data: { result: { metric: Labels; value: [number, string] }[] };
    };
    return data.result.map(({ metric, value }) => [metric, Number(value[1])]);
  }

  async stop(): Promise<void> {
    if (this.#process?.exitCode === null) {
      this.#process.kill('SIGKILL');
      await once(this.#process, 'exit');
    }
    rmSync(this.#directory, { recursive: true });
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
